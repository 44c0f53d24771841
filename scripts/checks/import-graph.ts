import { posix } from 'node:path'
import ts from 'typescript'
import type { SourceFile } from './source-files.ts'

export interface Import {
  /** The path from the root where the target is a file of this repository, else the specifier as written. */
  readonly target: string
  readonly line: number
  /** `import type` and `export type`: gone at run time, so they cannot make a cycle of initialisation. */
  readonly typeOnly: boolean
}

export type ImportGraph = ReadonlyMap<string, readonly Import[]>

const packages = new Map([
  ['@millrace/schemas', 'schemas/src/index.ts'],
  ['@millrace/node', 'sdk-node/src/index.ts'],
  ['@millrace/node/hono', 'sdk-node/src/hono.ts'],
  ['@millrace/node/express', 'sdk-node/src/express.ts'],
  ['@millrace/node/ecommerce', 'sdk-node/src/ecommerce.ts'],
  ['@millrace/browser', 'sdk-browser/src/index.ts'],
  ['@millrace/collector', 'collector/src/index.ts'],
  ['@millrace/browser/ecommerce', 'sdk-browser/src/ecommerce.ts'],
  ['@millrace/browser/device-context', 'sdk-browser/src/device-context.ts'],
])

/** What each file imports: static, re-exported and dynamic with a literal specifier. */
export function importGraph(files: readonly SourceFile[]): ImportGraph {
  return new Map(files.map((file) => [file.path, importsOf(file)]))
}

function importsOf({ path, text }: SourceFile): readonly Import[] {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, false)
  const found: Import[] = []
  const visit = (node: ts.Node): void => {
    const specifier = specifierOf(node)
    if (specifier !== undefined) {
      const line = source.getLineAndCharacterOfPosition(specifier.end).line + 1
      found.push({ target: resolve(path, specifier.text), line, typeOnly: isTypeOnly(node) })
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

function specifierOf(node: ts.Node): ts.StringLiteral | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
    return node.moduleSpecifier && ts.isStringLiteral(node.moduleSpecifier) ? node.moduleSpecifier : undefined
  }
  if (!ts.isCallExpression(node) || node.expression.kind !== ts.SyntaxKind.ImportKeyword) return undefined
  const [argument] = node.arguments
  return argument && ts.isStringLiteral(argument) ? argument : undefined
}

function isTypeOnly(node: ts.Node): boolean {
  if (ts.isExportDeclaration(node)) return node.isTypeOnly
  return ts.isImportDeclaration(node) && node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword
}

function resolve(from: string, specifier: string): string {
  if (specifier.startsWith('.')) return posix.join(posix.dirname(from), specifier)
  return packages.get(specifier) ?? specifier
}
