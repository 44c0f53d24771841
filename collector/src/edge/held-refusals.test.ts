import { expect, it } from 'vitest'
import { HeldRefusals } from './held-refusals.ts'

it('holds refusals as long as their senders are to wait, throws their bodies away, and no more than its bound of them', async () => {
  const sleeping: (() => void)[] = []
  const asked: number[] = []
  const refusals = new HeldRefusals({
    sleep: (ms) => new Promise((resolve) => {
      asked.push(ms)
      sleeping.push(resolve)
    }),
  }, { holdMs: 1_000, heldMax: 2 })
  let discarded = 0
  const released: string[] = []
  const hold = (name: string): Promise<void> => refusals.hold({ discardBody: () => void (discarded += 1) }).then(() => void released.push(name))
  const held = [hold('first'), hold('second')]
  await hold('beyond the bound')
  expect({ released, discarded, asked, held: refusals.held }).toEqual({ released: ['beyond the bound'], discarded: 2, asked: [1_000, 1_000], held: 2 })
  for (const wake of sleeping) wake()
  await Promise.all(held)
  expect({ released, held: refusals.held }).toEqual({ released: ['beyond the bound', 'first', 'second'], held: 0 })
})
