import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { allChecks } from './all-checks.ts'
import { readTextFiles } from './source-files.ts'

describe('this repository', () => {
  const root = join(import.meta.dirname, '../..')

  test('has files to check', () => {
    const paths = readTextFiles(root).map(({ path }) => path)
    expect(paths).toEqual(expect.arrayContaining(['.ci/run', 'README.md', 'collector/src/compose.ts', 'vitest.config.ts']))
  })

  test.each(allChecks)('$name', { timeout: 300_000 }, ({ run }) => {
    expect(run(root)).toEqual([])
  })
})
