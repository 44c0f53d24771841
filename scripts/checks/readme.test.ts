import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { expect, test } from 'vitest'
import { configTable } from '../../collector/src/config.ts'
import { defaultDocument, parseDocument } from '../../collector/src/identity/settings-document.ts'
import { markdownTable } from './markdown-table.ts'

const root = join(import.meta.dirname, '../..')
const readme = readFileSync(join(root, 'README.md'), 'utf8')

test('the configuration table is the one that `serve --help` prints', () => {
  expect(readme).toContain(markdownTable(configTable()))
})

test('the commands of the README are the commands there are', () => {
  const help = spawnSync(process.execPath, [join(root, 'collector/src/main.ts'), 'help'], { encoding: 'utf8' })
  const known = new Set([...help.stdout.matchAll(/^ {2}([a-z]+)/gm)].map((match) => match[1]))
  const told = new Set([...readme.matchAll(/^\| `pnpm millrace ([a-z]+)/gm)].map((match) => match[1]))
  expect([...told].toSorted()).toEqual([...known].toSorted())
})

test('the settings of the README are the ones there are, and the defaults but for what it says', () => {
  const example = /```json\n([^`]*"foldEmailAliases"[^`]*)```/.exec(readme)?.[1] ?? ''
  const document = parseDocument(JSON.parse(example), defaultDocument())
  expect(JSON.parse(example)).toEqual(document)
  const { identity } = defaultDocument()
  expect({ ...document.identity, blocked: identity.blocked, region: identity.region }).toEqual(identity)
})

test('the scripts of the README are in package.json', () => {
  const manifest = readFileSync(join(root, 'package.json'), 'utf8')
  for (const script of ['start', 'millrace', 'test', 'check', 'bench']) {
    expect(readme).toMatch(new RegExp(`pnpm(?:@[\\d.]+)? ${script}\\b`))
    expect(manifest).toContain(`"${script}": `)
  }
})

test('the first program stands within thirty lines and compiles against the SDK', () => {
  const program = /```ts\n(.*?)```/s.exec(readme.split('\n').slice(0, 30).join('\n'))?.[1] ?? ''
  expect(program).toContain("from '@millrace/node'")
  expect(diagnostics(join(root, 'examples/src/from-the-readme.ts'), program)).toEqual([])
})

/** What the compiler says of a program that stands nowhere but in memory, under the repository's own settings. */
function diagnostics(path: string, text: string): readonly string[] {
  const settings = { ...ts.sys, onUnRecoverableConfigFileDiagnostic: () => {} }
  const options = ts.getParsedCommandLineOfConfigFile(join(root, 'tsconfig.json'), {}, settings)?.options ?? {}
  const host = ts.createCompilerHost(options)
  const { getSourceFile, fileExists } = host
  host.fileExists = (name) => name === path || fileExists(name)
  host.getSourceFile = (name, language, ...rest) =>
    name === path ? ts.createSourceFile(name, text, language, true) : getSourceFile(name, language, ...rest)
  const program = ts.createProgram([path], options, host)
  return ts.getPreEmitDiagnostics(program).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))
}
