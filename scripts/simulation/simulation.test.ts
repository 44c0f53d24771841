import { expect, it } from 'vitest'
import { runHistory } from './history.ts'
import { runSimulation } from './run-simulation.ts'
import { sabotages } from './sabotage.ts'

const seed = Number(process.env['MILLRACE_SEED'] ?? Math.floor(Math.random() * 2 ** 31))

/** Histories until a broken store is found out; as measured, most are in the first three. */
const historiesMax = 150

it('keeps its invariants in whatever history', async () => {
  console.log(`MILLRACE_SEED=${seed}`)
  const { violations, batches } = await runSimulation({ seed, histories: 100, batches: Number.POSITIVE_INFINITY, minutes: Number.POSITIVE_INFINITY, results: null })
  expect(violations).toEqual([])
  expect(batches).toBeGreaterThan(500)
})

it('makes the same history of the same seed, and another of another', async () => {
  const traces: string[][] = []
  const hashes: string[] = []
  for (const chosen of [seed, seed, seed + 1]) {
    const lines: string[] = []
    traces.push(lines)
    hashes.push((await runHistory({ seed: chosen, trace: (line) => lines.push(line) })).hash)
  }
  expect(traces[1]).toEqual(traces[0])
  expect(hashes[1]).toBe(hashes[0])
  expect(hashes[2]).not.toBe(hashes[0])
})

it.each(sabotages)('finds out a store with: %s', async (sabotage) => {
  for (let next = 1; next <= historiesMax; next += 1) {
    const { violation } = await runHistory({ seed: next, sabotage })
    if (violation !== null) return
  }
  expect.fail(`${historiesMax} histories did not show it`)
})
