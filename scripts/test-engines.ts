/**
 * The suites on real engines, each started here, stopped and removed after. Arguments go to vitest:
 * `pnpm test:engines mysql`. The last line is `N passed, N failed[, N skipped]`.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { countLine } from './count-reporter.ts'

const root = join(import.meta.dirname, '..')
const vitest = join(root, 'node_modules/vitest/vitest.mjs')
/** Half of the time of all. Both halves mostly wait, for disks, kills and restarts; more at once would take more than a machine of two cores has. */
const besideOthers = [
  'scripts/chaos.engines.test.ts', 'scripts/packed-install.engines.test.ts', 'scripts/container.engines.test.ts',
  'sdk-browser/test/browser.engines.test.ts', 'console/test/console.engines.test.ts', 'collector/test/web-shop.engines.test.ts', 'collector/test/disk-full.engines.test.ts',
]

interface Ended {
  readonly output: string
  readonly counts: { readonly passed: number; readonly failed: number; readonly skipped: number }
}

/** Runs vitest; what it says is shown at once where `shown`. */
async function run(words: readonly string[], shown: boolean): Promise<Ended> {
  const child = spawn(process.execPath, [vitest, 'run', '--config', 'vitest.engines.config.ts', ...words], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  const say = (text: string): void => {
    output += text
    if (shown) process.stdout.write(text)
  }
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', say)
  await once(child, 'close')
  const line = [...output.matchAll(/^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/gm)].at(-1)
  if (line === undefined) {
    say(`vitest ended by ${child.signalCode ?? `code ${child.exitCode}`} without a count\n`)
    return { output, counts: { passed: 0, failed: 1, skipped: 0 } }
  }
  const [, passed, failed, skipped] = line.map(Number)
  return { output, counts: { passed: passed ?? 0, failed: child.exitCode !== 0 && failed === 0 ? 1 : failed ?? 0, skipped: skipped || 0 } }
}

const words = process.argv.slice(2)
const ended = words.length > 0 ? [await run(words, true)] : await Promise.all([
  run(besideOthers.flatMap((path) => ['--exclude', path]), true),
  run(besideOthers, false),
])
for (const { output } of ended.slice(1)) process.stdout.write(output)
const counts = ended.reduce((sum, { counts: { passed, failed, skipped } }) => ({ passed: sum.passed + passed, failed: sum.failed + failed, skipped: sum.skipped + skipped }),
  { passed: 0, failed: 0, skipped: 0 })
console.log(countLine(counts))
process.exitCode = counts.failed === 0 ? 0 : 1
