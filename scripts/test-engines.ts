/**
 * The suites on real engines, each started here, stopped and removed after. Arguments go to vitest:
 * `pnpm test:engines mysql`. The last line is `N passed, N failed[, N skipped]`.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { countLine } from './count-reporter.ts'

const root = join(import.meta.dirname, '..')
const vitest = join(root, 'node_modules/vitest/vitest.mjs')
const ran = spawnSync(process.execPath, [vitest, 'run', '--config', 'vitest.engines.config.ts', ...process.argv.slice(2)], { cwd: root, stdio: 'inherit' })
if (ran.status === null) process.stdout.write(`vitest ended by ${ran.signal ?? String(ran.error)}\n${countLine({ passed: 0, failed: 1, skipped: 0 })}\n`)
process.exitCode = ran.status ?? 1
