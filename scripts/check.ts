/** The machine checks alone, each violation on a line; `pnpm test` runs the same ones as tests. */
import { join } from 'node:path'
import { allChecks } from './checks/all-checks.ts'
import { countLine } from './count-reporter.ts'

const root = join(import.meta.dirname, '..')
const counts = { passed: 0, failed: 0, skipped: 0 }
for (const check of allChecks) {
  const lines = check.run(root)
  counts[lines.length === 0 ? 'passed' : 'failed'] += 1
  process.stdout.write(`${lines.length === 0 ? 'ok' : 'FAILED'} ${check.name}\n${lines.map((line) => `  ${line}\n`).join('')}`)
}
process.stdout.write(`${countLine(counts)}\n`)
process.exitCode = counts.failed === 0 ? 0 : 1
