import ts from 'typescript'
import type { SourceFile, Violation } from './source-files.ts'

/** Statements that end a line with a semicolon; text inside strings and comments is no statement. */
export function findSemicolons(files: readonly SourceFile[]): readonly Violation[] {
  return files.flatMap(({ path, text }) => {
    const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
    const lines = new Set<number>()
    const visit = (node: ts.Node): void => {
      const ends = text[node.end - 1] === ';' && /^[ \t]*(?:\n|$)/.test(text.slice(node.end, node.end + 200))
      if (ends && (ts.isStatement(node) || ts.isTypeElement(node) || ts.isClassElement(node))) {
        lines.add(source.getLineAndCharacterOfPosition(node.end).line + 1)
      }
      ts.forEachChild(node, visit)
    }
    visit(source)
    return [...lines].map((line) => ({ path, line, message: 'ends with a semicolon' }))
  })
}
