import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { allChecks } from './all-checks.ts'
import { readSourceFiles } from './source-files.ts'

describe('this repository', () => {
  const files = readSourceFiles(join(import.meta.dirname, '../..'))

  test('has files to check', () => {
    expect(files.some(({ path }) => path === 'collector/src/compose.ts')).toBe(true)
  })

  test.each(allChecks)('$name', { timeout: 300_000 }, ({ run }) => {
    expect(run(files)).toEqual([])
  })
})
