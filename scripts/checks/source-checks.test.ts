import { describe, expect, test } from 'vitest'
import { findCycles } from './cycles.ts'
import { findLayerViolations } from './layers.ts'
import { findMisnamed } from './misnamed.ts'
import { findOversize } from './oversize.ts'
import { findSemicolons } from './semicolons.ts'
import type { SourceFile, Violation } from './source-files.ts'
import { findWording } from './wording.ts'

const file = (path: string, text: string): SourceFile => ({ path, text })
const messages = (violations: readonly Violation[]): readonly string[] => violations.map(({ message }) => message)

describe('layers', () => {
  const judge = (path: string, text: string): readonly string[] => messages(findLayerViolations([file(path, text)]))

  test('an import goes down, never up', () => {
    expect(judge('collector/src/edge/a.ts', "import { b } from '../ingest/b.ts'")).toEqual([])
    expect(judge('collector/src/platform/a.ts', "import type { B } from '../ports/b.ts'")).toHaveLength(1)
    expect(judge('collector/src/pump/a.ts', "export { b } from '../edge/b.ts'")).toHaveLength(1)
    expect(judge('collector/src/pump/a.ts', "const b = await import('../edge/b.ts')")).toHaveLength(1)
    expect(judge('collector/src/edge/a.ts', "import { b } from '../config.ts'")).toHaveLength(1)
  })

  test('drivers are chosen in one file and know only themselves', () => {
    const line = "import { b } from './stores/oltp/sqlite/b.ts'"
    expect(judge('collector/src/compose.ts', line)).toEqual([])
    expect(judge('collector/src/main.ts', line)).toHaveLength(1)
    expect(judge('collector/src/stores/oltp/sqlite/a.ts', "import { b } from './b.ts'")).toEqual([])
    expect(judge('collector/src/stores/oltp/mysql/a.ts', "import { b } from '../sqlite/b.ts'")).toHaveLength(1)
    expect(judge('collector/src/edge/a.ts', "import { b } from '../log/embedded/b.ts'")).toHaveLength(1)
  })

  test('packages know what lies below them', () => {
    expect(judge('sdk-node/src/a.ts', "import type { B } from '@millrace/schemas'")).toEqual([])
    expect(judge('schemas/src/a.ts', "import { b } from '@millrace/node'")).toHaveLength(1)
    expect(judge('sdk-node/src/a.ts', "import { b } from '../../collector/src/config.ts'")).toHaveLength(1)
  })

  test('tests compose what they need', () => {
    expect(judge('collector/src/platform/a.test.ts', "import { b } from '../edge/b.ts'")).toEqual([])
  })
})

test('cycles are found whole, also through types and a file that imports itself', () => {
  const ring = [
    file('schemas/src/a.ts', "import './b.ts'"), file('schemas/src/b.ts', "import type { C } from './c.ts'"),
    file('schemas/src/c.ts', "import './a.ts'"), file('schemas/src/d.ts', "import './a.ts'"),
    file('schemas/src/e.ts', "import './e.ts'"),
  ]
  expect(messages(findCycles(ring))).toEqual([
    'import cycle: schemas/src/a.ts, schemas/src/b.ts, schemas/src/c.ts', 'import cycle: schemas/src/e.ts',
  ])
  expect(findCycles(ring.slice(1, 4))).toEqual([])
})

describe('sizes', () => {
  const judge = (text: string): readonly string[] => messages(findOversize([file('a.ts', text)]))

  test('a file of 401 lines is too long, of 400 not', () => {
    expect(judge('\n'.repeat(400))).toEqual([])
    expect(judge('\n'.repeat(401))).toEqual(['the file has 401 lines, over 400'])
  })

  test('a function of 71 lines is too long, of 70 not, and a suite is none', () => {
    expect(judge(`function a() {${'\n'.repeat(69)}}`)).toEqual([])
    expect(judge(`function a() {${'\n'.repeat(70)}}`)).toEqual(['a function has 71 lines, over 70'])
    expect(judge(`class A { b = () => {${'\n'.repeat(70)}} }`)).toHaveLength(1)
    expect(judge(`describe('a', () => {\n  test('b', c)${'\n'.repeat(70)}})`)).toEqual([])
  })

  test('four parameters are too many, three not', () => {
    expect(judge('const a = (b, c, d) => b')).toEqual([])
    expect(judge('const a = (b, c, d, e) => b')).toEqual(['a function has 4 parameters, over 3'])
    expect(judge('interface A { b(c: C, d: D, e: E, f: F): void }')).toHaveLength(1)
  })
})

test('names say what a file exports', () => {
  const judge = (path: string, text: string): readonly string[] => messages(findMisnamed([file(path, text)]))
  expect(judge('a/read-body.ts', 'export function readBody() {}')).toEqual([])
  expect(judge('a/read-body.ts', 'export class BodyReader {}')).toEqual([])
  expect(judge('a/read-body.ts', 'export const parseKeys = 1')).toHaveLength(1)
  expect(judge('a/readBody.ts', 'export const readBody = 1')).toHaveLength(1)
  expect(judge('a/utils.ts', 'export const utils = 1')).toHaveLength(1)
  expect(judge('a/clock.ts', 'export default 1')).toHaveLength(1)
})

test('a semicolon at the end of a statement is found, one inside text is not', () => {
  expect(findSemicolons([file('a.ts', 'const a = 1;\nconst b = `c;\n`\n// d;\n')])).toEqual([
    { path: 'a.ts', line: 1, message: 'ends with a semicolon' },
  ])
})

// Each bad line is put together here, so that this file is not one itself.
test.each([
  ['a path of one machine', ['const a = "/', 'home/someone"'], 'a.ts'],
  ['a registry host', ['// https:/', '/registry.example.org'], 'a.ts'],
  ['a test that runs alone', ['test.', 'only("a", b)'], 'a.test.ts'],
  ['a test put off', ['it.', 'todo("a")'], 'a.test.ts'],
  ['a check turned off', ['// oxlint', '-disable-next-line'], 'a.ts'],
])('wording: %s', (_, parts, path) => {
  expect(findWording([file(path, parts.join(''))])).toHaveLength(1)
  expect(findWording([file(path, parts.join(' '))])).toEqual([])
})
