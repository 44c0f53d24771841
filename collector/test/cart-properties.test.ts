import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { CartOracle, type OracleEvent } from './cart-oracle.ts'
import { CartSimulation, delayMs, type Fault, type SimulatedEvent } from './cart-simulation.ts'
import { propertySettings } from './property-settings.ts'

type Command =
  | { readonly do: 'accept'; readonly event: Omit<SimulatedEvent, 'messageId' | 'time'>; readonly agoMs: number }
  | { readonly do: 'repeat'; readonly which: number }
  | { readonly do: 'decide'; readonly partition: number }
  | { readonly do: 'feed'; readonly partition: number }
  | { readonly do: 'judge'; readonly fault: Fault }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'restart' }
  | { readonly do: 'catch up' }

const partition = fc.nat({ max: 2 })
const anonymousId = fc.constantFrom('a1', 'a2', 'a3', 'a4')
const userId = fc.constantFrom('u1', 'u2')
/** Mostly now, some late, a few from before yesterday. */
const ago = fc.oneof({ weight: 6, arbitrary: fc.nat({ max: 2_000 }) }, { weight: 3, arbitrary: fc.nat({ max: 3 * delayMs }) }, { weight: 1, arbitrary: fc.constant(25 * 3_600_000) })
const who = fc.oneof(
  { weight: 5, arbitrary: fc.record({ anonymousId }) }, { weight: 2, arbitrary: fc.record({ userId }) },
  { weight: 1, arbitrary: fc.record({ anonymousId, userId }) },
)
const what = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant('track' as const), event: fc.constantFrom('Product Added', 'product_added', 'CartViewed'), product: fc.constantFrom('p1', 'p2', 'p3', 'p4') }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('track' as const), event: fc.constantFrom('Order Completed', 'placed_order') }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('identify' as const) }) },
)
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ do: fc.constant('accept' as const), agoMs: ago, event: fc.tuple(who, what, fc.boolean(), fc.nat({ max: 15 })).map(([names, part, , history]) => ({ ...names, ...part, isHistory: history === 0 })) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('repeat' as const), which: fc.nat({ max: 100 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('decide' as const, 'feed' as const), partition }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('judge' as const), fault: fc.constantFrom<Fault>('none', 'none', 'none', 'rolled back', 'answer lost') }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.oneof(fc.nat({ max: 5_000 }), fc.nat({ max: 2 * delayMs })) }) },
  { weight: 4, arbitrary: fc.constant({ do: 'catch up' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'restart' as const }) },
)

/** Over all runs, so that a generator that stopped making carts would show. */
const seen = { webhooks: 0, shared: 0 }

describe('carts against brute force', () => {
  afterAll(() => {
    console.log(seen)
    expect(seen.webhooks).toBeGreaterThan(60)
    expect(seen.shared).toBeGreaterThan(5)
  })

  it('send the same webhooks, whatever the order of events, merges, splits, repeats, crashes and restarts', async () => {
    await fc.assert(fc.asyncProperty(fc.array(command, { minLength: 40, maxLength: 100, size: 'max' }), async (commands) => {
      const run = await Run.start()
      try {
        for (const one of commands) await run.step(one)
        for (const last of ['catch up', 'wait', 'judge', 'wait', 'judge'] as const) {
          await run.step(last === 'wait' ? { do: last, ms: 4 * delayMs } : last === 'judge' ? { do: last, fault: 'none' } : { do: last })
        }
      } finally {
        await run.close()
      }
    }), propertySettings(60))
  }, 120_000)
})

/** One simulation beside its oracle; compares the outbox after each judging. */
class Run {
  readonly #simulation: CartSimulation
  readonly #oracle: CartOracle
  readonly #accepted: SimulatedEvent[] = []
  readonly #known = new Map<string, OracleEvent>()
  /** Decided and not shown to automations yet, by partition. */
  readonly #unfed = new Map<number, OracleEvent[]>()
  #profiles: ReadonlyMap<string, string> = new Map()
  #expected: string[] = []

  private constructor(simulation: CartSimulation) {
    this.#simulation = simulation
    this.#oracle = new CartOracle(delayMs, (key) => this.#profiles.get(key) ?? key)
    simulation.whileWaiting = async () => this.#catchUp()
  }

  static async start(): Promise<Run> {
    return new Run(await CartSimulation.start())
  }

  async step(one: Command): Promise<void> {
    const simulation = this.#simulation
    if (one.do === 'accept') this.#accept({ ...one.event, messageId: `m${this.#accepted.length}`, time: simulation.now - one.agoMs })
    else if (one.do === 'repeat') {
      const again = this.#accepted[one.which % Math.max(1, this.#accepted.length)]
      if (again !== undefined) simulation.accept(again)
    } else if (one.do === 'decide') await this.#decide(one.partition)
    else if (one.do === 'feed') await this.#feed(one.partition)
    else if (one.do === 'wait') simulation.now += one.ms
    else if (one.do === 'restart') await simulation.restart()
    else if (one.do === 'catch up') await this.#catchUp()
    else await this.#judge(one.fault)
  }

  async close(): Promise<void> {
    for (const { body } of await this.#simulation.deliveries()) {
      seen.webhooks += 1
      const { data: { profile: { identifiers } } }: { data: { profile: { identifiers: Record<string, string[]> } } } = JSON.parse(body)
      if (Object.values(identifiers).flat().length > 1) seen.shared += 1
    }
    await this.#simulation.close()
  }

  #accept(event: SimulatedEvent): void {
    this.#accepted.push(event)
    this.#simulation.accept(event)
    if (event.type !== 'track') return
    this.#known.set(event.messageId, {
      key: this.#simulation.keyOf(event), messageId: event.messageId, kind: /order/i.test(event.event ?? '') ? 'order' : 'cart', time: event.time,
      receivedAt: this.#simulation.now, isHistory: event.isHistory === true, product: event.product ?? '',
    })
  }

  async #decide(number: number): Promise<void> {
    const stored = await this.#simulation.decide(number)
    const events = stored.flatMap((messageId) => this.#known.get(messageId) ?? [])
    for (const event of events) this.#oracle.decided(event)
    this.#unfed.set(number, [...this.#unfed.get(number) ?? [], ...events])
    this.#profiles = await this.#simulation.profiles([...this.#known.values()].map(({ key }) => key))
  }

  async #feed(number: number): Promise<void> {
    await this.#simulation.feed(number)
    this.#oracle.fed(this.#unfed.get(number) ?? [])
    this.#unfed.set(number, [])
  }

  /** What the other loops do while the judge waits for them. */
  async #catchUp(): Promise<void> {
    for (let number = 0; number < this.#simulation.partitions; number += 1) {
      await this.#decide(number)
      await this.#feed(number)
    }
  }

  async #judge(fault: Fault): Promise<void> {
    // Where something is due, the judge waits for all that was accepted before: then the simulation catches up.
    this.#simulation.fault = fault
    const due = this.#oracle.isDue(this.#simulation.now)
    await this.#simulation.judge()
    if (due) expect([await this.#simulation.undecided(), [...this.#unfed.values()].flat()]).toEqual([0, []])
    for (const { profileId, products, lastAt } of this.#oracle.judged(this.#simulation.now)) this.#expected.push(JSON.stringify([profileId, lastAt, products]))
    const deliveries = await this.#simulation.deliveries()
    expect(deliveries.map(({ profileId, body }) => JSON.stringify([profileId, ...partsOf(body)])).toSorted()).toEqual(this.#expected.toSorted())
    expect(new Set(deliveries.map(({ webhookId }) => webhookId)).size).toBe(deliveries.length)
  }
}

function partsOf(body: string): readonly [number, readonly string[]] {
  const parsed: { data: { cart: { lastEventAt: string; lines: { productId: string }[] } } } = JSON.parse(body)
  const { lastEventAt, lines } = parsed.data.cart
  return [Date.parse(lastEventAt), lines.map(({ productId }) => productId).toSorted()]
}
