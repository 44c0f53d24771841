import type { World } from './world.ts'

export type StoreName = 'oltp' | 'objects' | 'olap' | 'log'

/** What becomes of one request to a store. */
export type Fate =
  /** Done, and answered. */
  | 'done'
  /** Not done, and reported as failed. */
  | 'refused'
  /** Done, and reported as failed. */
  | 'unknown'
  /** Reported as failed, and done afterwards. */
  | 'late'
  /** Done twice: whatever carried it sent it again. */
  | 'twice'
  /** The caller dies when the request arrives, or when it is done. */
  | 'dead-before' | 'dead-after'
  /** The caller stands still before it sends the request, or before it hears the answer. */
  | 'still-before' | 'still-after'

/** How bad it is, drawn once a history. */
export interface Climate {
  /** Requests of a hundred that fail one way or another. */
  readonly failures: number
  /** Requests of a thousand at which the caller dies, and at which it stands still. */
  readonly deaths: number
  readonly standstills: number
  /** How long a caller stands still, and how late a late request is done, milliseconds at most. */
  readonly standstillMs: number
  readonly lateMs: number
  /** Of a request and of an answer on their way, milliseconds at most. */
  readonly slowMs: Readonly<Record<StoreName, number>>
}

const calm: Pick<Climate, 'failures' | 'deaths' | 'standstills'> = { failures: 0, deaths: 0, standstills: 0 }

/** The faults of one history: a storm that the seed makes, and then calm, in which everything has to come to rest. */
export class Weather {
  readonly #world: World
  readonly #climate: Climate
  #raging = true
  readonly #away = new Map<StoreName, number>()
  #coming = 0

  constructor(world: World, climate: Climate) {
    this.#world = world
    this.#climate = climate
  }

  get raging(): boolean {
    return this.#raging
  }

  end(): void {
    this.#world.note('the storm is over')
    this.#raging = false
    this.#away.clear()
  }

  /** The store answers nothing for a while. */
  takeAway(store: StoreName, ms: number): void {
    this.#world.note(`${store} is away for ${ms} ms`)
    this.#world.count('outages of a store')
    this.#away.set(store, this.#world.now + ms)
  }

  isAway(store: StoreName): boolean {
    return (this.#away.get(store) ?? 0) > this.#world.now
  }

  /** `weight`: how much likelier than others a request fails. */
  fateAt(store: StoreName, weight: number): Fate {
    if (this.isAway(store)) return 'refused'
    const { choices } = this.#world
    const { failures, deaths, standstills } = this.#raging ? this.#climate : calm
    const drawn = choices.below(100_000) / 1_000
    if (drawn < failures * weight) return choices.of(['refused', 'refused', 'unknown', 'late', 'twice'])
    if (drawn < failures * weight + deaths / 10) return choices.of(['dead-before', 'dead-after'])
    if (drawn < failures * weight + deaths / 10 + standstills / 10) return choices.of(['still-before', 'still-after'])
    return 'done'
  }

  onTheWay(store: StoreName): number {
    return this.#world.delay(0, this.#raging ? this.#climate.slowMs[store] : 5)
  }

  /** Done late, whatever became of who asked for it. */
  later(work: () => void): void {
    this.#coming += 1
    this.#world.after(1 + this.#world.choices.below(this.#climate.lateMs), () => {
      this.#coming -= 1
      work()
    })
  }

  /** Whether something late is still to come. */
  get isExpecting(): boolean {
    return this.#coming > 0
  }

  standstill(): number {
    return 1 + this.#world.choices.below(this.#climate.standstillMs)
  }
}

export function climateOf({ choices }: World): Climate {
  const slow = (): number => choices.of([2, 5, 5, 20, 20, 100, 1_000])
  return {
    failures: choices.of([0, 0.2, 1, 1, 3, 8]),
    deaths: choices.of([0, 0, 0.5, 2, 5]),
    standstills: choices.of([0, 0, 0.5, 2, 5]),
    standstillMs: choices.of([500, 5_000, 15_000, 15_000, 25_000]),
    lateMs: choices.of([20, 200, 2_000, 20_000]),
    slowMs: { oltp: slow(), objects: slow(), olap: slow(), log: slow() },
  }
}
