import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { runCompiler, runLinter, runUnused } from './tools.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-checks-'))
  write('tsconfig.json', JSON.stringify({ compilerOptions: { strict: true, noEmit: true, target: 'es2023', types: [] } }))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test.each([
  ['typescript(no-floating-promises)', 'const a = async (): Promise<number> => 1\na()\n'],
  ['typescript(no-misused-promises)', 'declare const a: () => Promise<void>\nif (a()) throw new Error()\n'],
  ['typescript(no-explicit-any)', 'export const a = (b: any): unknown => b\n'],
  ['typescript(consistent-type-assertions)', 'export const a = (b: unknown): number => b as number\n'],
  ['typescript(no-non-null-assertion)', 'export const a = (b: string[]): string => b[0]!\n'],
])('the linter finds %s', (rule, text) => {
  write('bad.ts', text)
  const { ok, output } = runLinter([folder])
  expect(ok).toBe(false)
  expect(output).toContain(rule)
})

test('the linter lets good code be, `as const` included', () => {
  write('good.ts', "const a = async (): Promise<number> => 1\nexport const b = [await a(), 'c'] as const\n")
  expect(runLinter([folder])).toMatchObject({ ok: true })
})

test('the compiler finds a wrong type', () => {
  write('bad.ts', "export const a: number = 'b'\n")
  const { ok, output } = runCompiler(folder)
  expect(ok).toBe(false)
  expect(output).toContain('TS2322')
})

test('an unused file, export and dependency are found', () => {
  write('package.json', JSON.stringify({ name: 'a', type: 'module', dependencies: { hono: '1' } }))
  write('index.ts', "import { b } from './b.ts'\nb()\n")
  write('b.ts', 'export const b = (): void => {}\nexport const neverUsed = 1\n')
  write('orphan.ts', 'export const c = 1\n')
  const { ok, output } = runUnused(folder)
  expect(ok).toBe(false)
  for (const name of ['orphan.ts', 'neverUsed', 'hono']) expect(output).toContain(name)
})

function write(name: string, text: string): void {
  writeFileSync(join(folder, name), text)
}
