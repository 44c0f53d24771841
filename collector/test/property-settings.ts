const seed = Number(process.env['MILLRACE_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
/** How many times as many cases as in an ordinary run of the suite. */
const times = Number(process.env['MILLRACE_RUNS'] ?? 1)
let printed = false

/** One seed for all random tests of a file, printed once; `MILLRACE_SEED` repeats a run, `MILLRACE_RUNS=50` tries fifty times as many cases. */
export function propertySettings(numRuns = 300): { seed: number, numRuns: number } {
  if (!printed) console.log(`MILLRACE_SEED=${seed}`)
  printed = true
  return { seed, numRuns: numRuns * times }
}
