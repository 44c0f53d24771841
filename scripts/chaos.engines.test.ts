import { expect, it } from 'vitest'
import { embeddedEngines, startChaosEngines } from './chaos/engines.ts'
import type { Kinds } from './chaos/plan.ts'
import { runChaos, type ChaosOptions } from './chaos/run-chaos.ts'
import { withoutLossyDisk } from './chaos/disk/lossy-disk.ts'

const seed = Number(process.env['MILLRACE_SEED'] ?? Math.floor(Math.random() * 2 ** 31))

/** Answers how many lifetimes are wrong, and all that was printed. */
async function chaos(what: Partial<ChaosOptions> & { readonly kinds: Kinds }): Promise<{ readonly wrong: number; readonly printed: string }> {
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

it('loses and doubles nothing, with every fail-point broken in one way and processes killed at random', async () => {
  const { wrong, printed } = await chaos({ kinds: 'one' })
  expect(wrong, printed).toBe(0)
  expect(printed).not.toContain('are left')
}, 900_000)

it('loses and doubles nothing with real engines while the broker goes away, each fail-point of the spool broken in one way', async ({ skip }) => {
  const engines = await startChaosEngines('kafka')
  if ('missing' in engines) return skip(engines.missing)
  try {
    const { wrong, printed } = await chaos({ kinds: 'one', point: 'spool.*', engines })
    expect(wrong, printed).toBe(0)
  } finally {
    await engines.stop()
  }
}, 900_000)

// A check that cannot fail proves nothing: a disk that answers syncs and does none has to be found out.
const missing = withoutLossyDisk()
it.skipIf(missing !== null)(`finds what is lost where the log is never synced${missing === null ? '' : `: ${missing}`}`, async () => {
  const { wrong, printed } = await chaos({ kinds: 'kills', point: 'edge.*', deafTo: 'log' })
  expect(wrong).toBeGreaterThan(0)
  expect(printed).toMatch(/lost [1-9]|not at rest|is damaged|were synced up to/)
}, 900_000)
