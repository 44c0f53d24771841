import { expect, it } from 'vitest'
import { HeldRefusals } from './held-refusals.ts'

it('holds refusals as long as their senders are to wait while others send, throws their bodies away, and no more than its bound of them', async () => {
  const sleeping: (() => void)[] = []
  const asked: number[] = []
  let elapsed = 0
  const refusals = new HeldRefusals({
    elapsed: () => elapsed,
    sleep: (ms) => new Promise((resolve) => {
      asked.push(ms)
      sleeping.push(resolve)
    }),
  }, () => 0.25, { holdMs: 1_000, heldMax: 2 })
  let discarded = 0
  const released: string[] = []
  const hold = (name: string): Promise<void> => refusals.hold({ discardBody: () => void (discarded += 1) }).then(() => void released.push(name))
  refusals.seen('noisy')
  await hold('nobody else sends')
  expect(refusals.severalSend).toBe(false)
  refusals.seen('quiet')
  elapsed = 900
  const held = [hold('first'), hold('second')]
  await hold('beyond the bound')
  expect({ released, discarded, asked, held: refusals.held }).toEqual({ released: ['nobody else sends', 'beyond the bound'], discarded: 2, asked: [1_250, 1_250], held: 2 })
  for (const wake of sleeping) wake()
  await Promise.all(held)
  elapsed = 1_100
  refusals.seen('quiet')
  await hold('the others have gone')
  expect({ released, held: refusals.held }).toEqual({ released: ['nobody else sends', 'beyond the bound', 'first', 'second', 'the others have gone'], held: 0 })
})
