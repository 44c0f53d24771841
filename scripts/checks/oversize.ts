import ts from 'typescript'
import type { SourceFile, Violation } from './source-files.ts'

const fileLinesMax = 400
const functionLinesMax = 70
const parametersMax = 3

/** Files, functions and parameter lists beyond what is comfortable to read. */
export function findOversize(files: readonly SourceFile[]): readonly Violation[] {
  return files.flatMap((file) => [...longFile(file), ...largeFunctions(file)])
}

function longFile({ path, text }: SourceFile): readonly Violation[] {
  const lines = text.split('\n').length - 1
  return lines > fileLinesMax ? [{ path, line: fileLinesMax + 1, message: `the file has ${lines} lines, over ${fileLinesMax}` }] : []
}

function largeFunctions({ path, text }: SourceFile): readonly Violation[] {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  const found: Violation[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node)) found.push(...judgeFunction(source, node))
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

function judgeFunction(source: ts.SourceFile, node: ts.SignatureDeclaration): readonly Violation[] {
  const first = source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1
  const lines = source.getLineAndCharacterOfPosition(node.end).line + 2 - first
  const found: string[] = []
  if (lines > functionLinesMax && 'body' in node && !isSuite(node)) found.push(`a function has ${lines} lines, over ${functionLinesMax}`)
  if (node.parameters.length > parametersMax) found.push(`a function has ${node.parameters.length} parameters, over ${parametersMax}`)
  return found.map((message) => ({ path: source.fileName, line: first, message }))
}

/** A function that registers tests is a list of functions, each counted by itself. */
function isSuite(node: ts.SignatureDeclaration): boolean {
  if (!('body' in node) || node.body === undefined || !ts.isBlock(node.body)) return false
  return node.body.statements.some((statement) =>
    ts.isExpressionStatement(statement) && /^(?:it|test|describe)\b/.test(statement.getText()))
}
