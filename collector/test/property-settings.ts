const seed = Number(process.env['MILLRACE_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
let printed = false

/** One seed for all random tests of a file, printed once; `MILLRACE_SEED` repeats a run. */
export function propertySettings(numRuns = 300): { seed: number, numRuns: number } {
  if (!printed) console.log(`MILLRACE_SEED=${seed}`)
  printed = true
  return { seed, numRuns }
}
