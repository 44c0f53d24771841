/**
 * `pnpm simulate [--seed N] [--histories N] [--batches N] [--minutes N] [--results FILE] [--trace 1]`: histories of the whole pump
 * under a virtual clock, with stores in memory that fail and processes that die, each drawn from a seed of its own: the given one, the
 * next, and so on. Without a number of batches or histories, a thousand histories. With `--results` the same command goes on where it stopped.
 * `--trace 1` prints what happens in the history of the seed. Exit code 1 for a violated invariant.
 */
import { runHistory } from './simulation/history.ts'
import { runSimulation, type SimulationReport } from './simulation/run-simulation.ts'

const known = ['seed', 'histories', 'batches', 'minutes', 'results', 'trace']
const flags = new Map<string, string>()
const words = process.argv.slice(2)
for (let index = 0; index < words.length; index += 2) {
  const name = words[index]?.replace(/^--/, '') ?? ''
  const value = words[index + 1]
  if (!known.includes(name) || value === undefined || (name !== 'results' && !(Number(value) >= 0))) throw new Error(`pnpm simulate [${known.map((flag) => `--${flag} VALUE`).join('] [')}]`)
  flags.set(name, value)
}

function numberOf(flag: string, otherwise: number): number {
  return Number(flags.get(flag) ?? otherwise)
}

function tell({ from, to, batches, events, cpuMs, counts, violations }: SimulationReport): void {
  const minutes = cpuMs / 60_000
  const rows = [['histories', to - from], ['batches', batches], ['events', events], ...[...counts].toSorted(([a], [b]) => (a < b ? -1 : 1)), ['violated invariants', violations.length]] as const
  process.stdout.write(`seeds ${from} to ${to - 1}, ${minutes.toFixed(1)} minutes of one core: ${Math.round((to - from) / minutes)} histories and ${Math.round(batches / minutes)} batches a minute\n\n`)
  process.stdout.write(`| what | how often |\n|---|---:|\n${rows.map(([name, count]) => `| ${name} | ${count.toLocaleString('en')} |\n`).join('')}\n`)
  for (const { seed, what } of violations) process.stdout.write(`VIOLATED ${what}\nagain: pnpm simulate --seed ${seed} --histories 1 --trace 1\n`)
}

const seed = numberOf('seed', Math.floor(Math.random() * 2 ** 31))
process.stdout.write(`seed ${seed}\n`)
if (flags.has('trace')) {
  const { violation, hash } = await runHistory({ seed, trace: (line) => process.stdout.write(`${line}\n`) })
  process.stdout.write(`hash ${hash}\n`)
  process.exitCode = violation === null ? 0 : 1
} else {
  const report = await runSimulation({
    seed, batches: numberOf('batches', Number.POSITIVE_INFINITY), histories: numberOf('histories', flags.has('batches') ? Number.POSITIVE_INFINITY : 1_000),
    minutes: numberOf('minutes', Number.POSITIVE_INFINITY), results: flags.get('results') ?? null,
    progress: ({ batches, violations }) => process.stderr.isTTY && process.stderr.write(`\r${batches} batches, ${violations.length} violations`),
  })
  tell(report)
  process.exitCode = report.violations.length === 0 ? 0 : 1
}
