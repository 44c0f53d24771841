import { expect, it } from 'vitest'
import { startChaosEngines } from './chaos/engines.ts'
import { triedChaos } from './chaos/tried.ts'

it('loses and doubles nothing with real engines while the broker goes away, each fail-point of the spool broken in one way', async ({ skip }) => {
  const engines = await startChaosEngines('kafka')
  if ('missing' in engines) return skip(engines.missing)
  try {
    const { wrong, printed } = await triedChaos({ kinds: 'one', point: 'spool.*', engines })
    expect(wrong, printed).toBe(0)
  } finally {
    await engines.stop()
  }
}, 900_000)
