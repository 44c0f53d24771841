/**
 * Breaks a running collector on purpose, at every fail-point and by killing its processes at random, and holds what its tiers
 * contain in the end against what was sent. Exit code 1 if anything was lost, doubled or otherwise wrong.
 * `--runs N`: so often each (1), `--seed S`: repeats the choices of a run, `--point NAME`: only this one, or `erase.*`, `--kinds kills`:
 * only what ends processes, or `one` of each point, `--results FILE`: goes on where an earlier part ended, `--minutes M`: ends the part.
 */
import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { runChaos } from './chaos/run-chaos.ts'

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '1' }, seed: { type: 'string' }, point: { type: 'string' }, kinds: { type: 'string', default: 'all' }, results: { type: 'string' },
    minutes: { type: 'string', default: '600' }, deaf: { type: 'string' },
  },
})

if (process.platform === 'linux' && process.getuid?.() !== 0 && process.env['MILLRACE_CHAOS_MAPPED'] === undefined) mapped()
else process.exitCode = await run()

// The disk is taken away at the exit, which a signal alone would skip.
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => process.exit(1))

/** A disk can only be mounted by root; a user may be that to himself. */
function mapped(): void {
  const command = ['--user', '--map-root-user', '--mount', process.execPath, ...process.argv.slice(1)]
  const ran = spawnSync('unshare', command, { stdio: 'inherit', env: { ...process.env, MILLRACE_CHAOS_MAPPED: '' } })
  process.exitCode = ran.status ?? 1
}

async function run(): Promise<number> {
  const { kinds, seed } = values
  if (kinds !== 'all' && kinds !== 'kills' && kinds !== 'one') throw new Error(`--kinds is all, kills or one, not ${JSON.stringify(kinds)}`)
  const wrong = await runChaos({
    kinds, runs: wholeNumber('runs', values.runs), seed: seed === undefined ? Math.floor(Math.random() * 2 ** 31) : wholeNumber('seed', seed),
    point: values.point ?? null, results: values.results ?? null, minutes: wholeNumber('minutes', values.minutes), deafTo: values.deaf ?? null,
    print: (line) => void process.stdout.write(`${line}\n`),
  })
  return wrong === 0 ? 0 : 1
}

function wholeNumber(name: string, text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new Error(`--${name} must be a whole number, not ${JSON.stringify(text)}`)
  return Number(text)
}
