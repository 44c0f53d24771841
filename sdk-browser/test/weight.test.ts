import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { buildSdk } from './build-sdk.ts'

/** As the packages are built, into a directory of its own. */
const directory = mkdtempSync(join(tmpdir(), 'millrace-weight-'))

beforeAll(() => buildSdk(directory))

afterAll(() => rmSync(directory, { recursive: true }))

function text(name: string): string {
  return readFileSync(join(directory, name), 'utf8')
}

function gzipped(name: string): number {
  return gzipSync(text(name), { level: 9 }).length
}

it('the core weighs at most 4.0 KB and needs nothing beside it', () => {
  expect(gzipped('index.js')).toBeLessThanOrEqual(4_096)
  expect(text('index.js')).not.toMatch(/\bimport\b/)
})

it('the script and the snippet that stands in for it are as small', () => {
  expect(gzipped('millrace.global.js')).toBeLessThanOrEqual(4_400)
  expect(gzipped('stub.global.js')).toBeLessThanOrEqual(500)
  expect(text('stub.global.js')).not.toContain('</')
})

it.each(['ecommerce', 'device-context', 'kept-id', 'segment'])('%s costs nothing unless it is imported, and little then', (name) => {
  expect(gzipped(`${name}.js`)).toBeLessThanOrEqual(400)
})

it('the README shows the snippet that is built', () => {
  expect(readFileSync(join(import.meta.dirname, '../README.md'), 'utf8')).toContain(text('stub.global.js').trim())
})
