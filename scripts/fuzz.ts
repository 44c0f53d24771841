/**
 * `pnpm fuzz [public|control] [--seed N] [--requests M] [--only INDEX]`: requests of real SDKs and of the read side, or of commands, changed at random in
 * bytes, JSON, headers, framing, encodings and paths, sent over real sockets to a collector of its own. Nothing may
 * crash, hang, answer 5xx or answer badly, and every event that is answered `ok` must be stored once. A seed repeats a
 * run; `--only` sends the request with that number alone. Exit code 1 for a defect.
 */
import { runFuzz, surfaces } from './fuzz/run-fuzz.ts'

const known = ['seed', 'requests', 'only', 'connections']
const flags = new Map<string, number>()
const surface = surfaces.find((name) => name === process.argv[2]) ?? 'public'
const words = process.argv.slice(process.argv[2] === surface ? 3 : 2)
for (let index = 0; index < words.length; index += 2) {
  const name = words[index]?.replace(/^--/, '') ?? ''
  const value = Number(words[index + 1])
  if (!known.includes(name) || !Number.isSafeInteger(value) || value < 0) throw new Error(`pnpm fuzz [${surfaces.join('|')}] [${known.map((flag) => `--${flag} N`).join('] [')}]`)
  flags.set(name, value)
}

const seed = flags.get('seed') ?? Math.floor(Math.random() * 2 ** 31)
const only = flags.get('only')
const from = only ?? 0
const to = only === undefined ? flags.get('requests') ?? 5_000 : only + 1
process.stdout.write(`${surface}, seed ${seed}, requests ${from} to ${to - 1}\n`)
const report = await runFuzz({
  surface, seed, from, to, connections: flags.get('connections') ?? 16,
  progress: (done) => process.stderr.isTTY && process.stderr.write(`\r${done}`),
})
const listed = (counts: ReadonlyMap<string | number, number>): string => [...counts].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, count]) => `${name}: ${count}`).join(', ')
process.stdout.write(`${report.requests} requests by status (0: closed without an answer): ${listed(report.statuses)}\nevents by result: ${listed(report.results)}\n`)
for (const defect of report.defects) process.stdout.write(`DEFECT ${defect}\n`)
process.stdout.write(`${report.defects.length} defects${report.defects.length === 0 ? '' : `; again: pnpm fuzz ${surface} --seed ${seed} --only INDEX`}\n`)
process.exitCode = report.defects.length === 0 ? 0 : 1
