/**
 * Breaks a running collector on purpose, at every fail-point and by killing its processes at random, and holds what its tiers
 * contain in the end against what was sent. Exit code 1 if anything was lost, doubled or otherwise wrong.
 * `--runs N`: so often each (1), `--times N`: and in each lifetime so often, `--seed S`: repeats the choices of a run, `--point NAME`: only this one, or `erase.*`, `--kinds kills`:
 * only what ends processes, or `one` of each point, `--results FILE`: goes on where an earlier part ended, `--minutes M`: ends the part,
 * `--without-power-losses`: on a plain directory, which is faster, `--engines`: with real engines, and `--broker pulsar` for another log than Kafka.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:os'
import { parseArgs } from 'node:util'
import { brokers, type ChaosEngines, embeddedEngines, startChaosEngines } from './chaos/engines.ts'
import { runChaos } from './chaos/run-chaos.ts'

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '1' }, times: { type: 'string', default: '1' }, seed: { type: 'string' }, point: { type: 'string' }, kinds: { type: 'string', default: 'all' }, results: { type: 'string' },
    minutes: { type: 'string', default: '600' }, deaf: { type: 'string' }, engines: { type: 'boolean', default: false }, broker: { type: 'string', default: 'kafka' },
    'without-power-losses': { type: 'boolean', default: false },
  },
})

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
if (process.platform === 'linux' && process.getuid?.() !== 0 && process.env['MILLRACE_CHAOS_MAPPED'] === undefined) process.exitCode = await mapped()
else {
  // Processes, disk and engines are taken away at the exit, which a signal alone would skip.
  for (const signal of signals) process.once(signal, () => process.exit(128 + constants.signals[signal]))
  process.exitCode = await run()
}

/** A disk can only be mounted by root; a user may be that to himself. */
async function mapped(): Promise<number> {
  const command = ['--user', '--map-root-user', '--mount', process.execPath, ...process.argv.slice(1)]
  const child = spawn('unshare', command, { stdio: 'inherit', env: { ...process.env, MILLRACE_CHAOS_MAPPED: '' } })
  for (const signal of signals) process.on(signal, () => child.kill(signal))
  const [code]: readonly unknown[] = await once(child, 'exit')
  return Number(code ?? 1)
}

async function run(): Promise<number> {
  const { kinds, seed } = values
  if (kinds !== 'all' && kinds !== 'kills' && kinds !== 'one') throw new Error(`--kinds is all, kills or one, not ${JSON.stringify(kinds)}`)
  const engines = await enginesWanted()
  const wrong = await runChaos({
    engines, power: !values['without-power-losses'],
    kinds, runs: wholeNumber('runs', values.runs), times: wholeNumber('times', values.times), seed: seed === undefined ? Math.floor(Math.random() * 2 ** 31) : wholeNumber('seed', seed),
    point: values.point ?? null, results: values.results ?? null, minutes: wholeNumber('minutes', values.minutes), deafTo: values.deaf ?? null,
    print: (line) => void process.stdout.write(`${line}\n`),
  })
  await engines.stop()
  return wrong === 0 ? 0 : 1
}

async function enginesWanted(): Promise<ChaosEngines> {
  const broker = brokers.find((known) => known === values.broker)
  if (broker === undefined) throw new Error(`--broker is ${brokers.join(' or ')}, not ${JSON.stringify(values.broker)}`)
  if (!values.engines) return embeddedEngines()
  const engines = await startChaosEngines(broker)
  if ('missing' in engines) throw new Error(engines.missing)
  return engines
}

function wholeNumber(name: string, text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new Error(`--${name} must be a whole number, not ${JSON.stringify(text)}`)
  return Number(text)
}
