import { Counter, type Registry } from 'prom-client'

export interface TallyNames {
  readonly name: string
  readonly help: string
  readonly labels: readonly [first: string, second?: string]
}

/**
 * A counter with one or two labels that costs two map look-ups an increment; prom-client, which checks and joins
 * labels each time, gets the sums when somebody asks for them.
 */
export class Tally {
  readonly #sums = new Map<string, Map<string, number>>()

  constructor(registry: Registry, { name, help, labels: [first, second] }: TallyNames) {
    const sums = this.#sums
    new Counter({
      name, help, registers: [registry], labelNames: second === undefined ? [first] : [first, second],
      collect() {
        this.reset()
        for (const [one, row] of sums) {
          for (const [two, sum] of row) this.inc(second === undefined ? { [first]: one } : { [first]: one, [second]: two }, sum)
        }
      },
    })
  }

  /** `second` is empty where the counter has one label. */
  add(first: string, second: string, count: number): void {
    let row = this.#sums.get(first)
    if (row === undefined) this.#sums.set(first, row = new Map())
    row.set(second, (row.get(second) ?? 0) + count)
  }
}
