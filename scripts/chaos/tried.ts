import { embeddedEngines } from './engines.ts'
import type { Kinds } from './plan.ts'
import { type ChaosOptions, runChaos } from './run-chaos.ts'

const seed = Number(process.env['MILLRACE_SEED'] ?? Math.floor(Math.random() * 2 ** 31))

/** For tests: answers how many lifetimes are wrong, and all that was printed. */
export async function triedChaos(what: Partial<ChaosOptions> & { readonly kinds: Kinds }): Promise<{ readonly wrong: number; readonly printed: string }> {
  const lines: string[] = []
  const wrong = await runChaos({
    runs: 1, times: 1, seed, point: null, results: null, minutes: 10, deafTo: null, power: true, engines: embeddedEngines(), ...what,
    print: (line) => {
      lines.push(line)
      console.log(line)
    },
  })
  return { wrong, printed: lines.join('\n') }
}
