import { randomFrom } from '../../collector/test/kill-at-random.ts'

/** Choices that follow from a seed and the number of the request alone, so that one request can be repeated. */
export class Choices {
  readonly #next: () => number

  constructor(seed: number, index: number) {
    this.#next = randomFrom(Math.imul(seed ^ Math.imul(index + 1, 0x9e37_79b1), 0x85eb_ca6b) ^ index)
    for (let skipped = 0; skipped < 4; skipped += 1) this.#next()
  }

  /** A whole number from 0 to below `bound`. */
  below(bound: number): number {
    return Math.floor(this.#next() * bound)
  }

  chance(share: number): boolean {
    return this.#next() < share
  }

  of<T>(list: readonly [T, ...T[]] | readonly T[]): T {
    const chosen = list[this.below(list.length)]
    if (chosen === undefined) throw new Error('nothing to choose from')
    return chosen
  }
}
