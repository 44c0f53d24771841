/**
 * Breaks a running collector on purpose, at every fail-point and by killing its processes at random, and holds what its tiers
 * contain in the end against what was sent. Exit code 1 if anything was lost, doubled or otherwise wrong.
 * `--runs N`: so often each (1), `--seed S`: repeats the choices of a run, `--point NAME`: only this one, or `erase.*`.
 */
import { parseArgs } from 'node:util'
import { runChaos } from './chaos/run-chaos.ts'

const { values } = parseArgs({
  options: { runs: { type: 'string', default: '1' }, seed: { type: 'string' }, point: { type: 'string' } },
})
const wrong = await runChaos({
  runs: wholeNumber('runs', values.runs), seed: values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : wholeNumber('seed', values.seed),
  point: values.point ?? null, print: (line) => void process.stdout.write(`${line}\n`),
})
process.exitCode = wrong === 0 ? 0 : 1

function wholeNumber(name: string, text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new Error(`--${name} must be a whole number, not ${JSON.stringify(text)}`)
  return Number(text)
}
