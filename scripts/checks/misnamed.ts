import ts from 'typescript'
import type { SourceFile, Violation } from './source-files.ts'

const grabBags = new Set(['utils', 'util', 'helpers', 'helper', 'types', 'common', 'misc', 'constants'])

/**
 * Names that are not kebab-case or say nothing, default exports, and hyphenated files that export one value under a
 * name that shares no word with the file's: `read-body.ts` may export `readBody` or `bodyReader`, not `parseKeys`. A
 * file of one word may name a topic.
 */
export function findMisnamed(files: readonly SourceFile[]): readonly Violation[] {
  return files.flatMap((file) => messagesFor(file).map((message) => ({ path: file.path, line: 1, message })))
}

function messagesFor({ path, text }: SourceFile): readonly string[] {
  const name = (path.split('/').at(-1) ?? '').replace(/(?:\.engines)?(?:\.(?:test|config|d))?\.tsx?$/, '')
  const found: string[] = []
  if (!/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(name)) found.push('the file name is not kebab-case')
  if (grabBags.has(name)) found.push(`"${name}" says nothing: name the file for what it exports`)
  if (/^export default /m.test(text) && !path.endsWith('.config.ts')) found.push('exports are named, not default')
  const exported = exportedValues(path, text)
  const only = exported.length === 1 ? exported[0] : undefined
  if (only !== undefined && name.includes('-') && !shareWord(name, only)) found.push(`it exports ${only} alone but is not named for it`)
  return found
}

function exportedValues(path: string, text: string): readonly string[] {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, false)
  return source.statements.flatMap((statement) => {
    const modifiers = ts.canHaveModifiers(statement) ? (ts.getModifiers(statement) ?? []) : []
    if (!modifiers.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)) return []
    if (ts.isVariableStatement(statement)) {
      return statement.declarationList.declarations.flatMap(({ name }) => (ts.isIdentifier(name) ? [name.text] : []))
    }
    const named = ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement)
    return named && statement.name !== undefined ? [statement.name.text] : []
  })
}

/** Compared by their first four letters, so that `canonicalise` and `canonical`, `rows` and `row` meet. */
function shareWord(fileName: string, exported: string): boolean {
  const stems = (words: readonly string[]): readonly string[] => words.map((word) => word.toLowerCase().slice(0, 4))
  const ofExport = stems(exported.split(/(?=[A-Z])|(?<=[a-z])(?=\d)/))
  return stems(fileName.split('-')).some((stem) => ofExport.some((other) => other.startsWith(stem) || stem.startsWith(other)))
}
