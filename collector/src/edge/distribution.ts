import { Histogram, type Registry } from 'prom-client'

export interface DistributionNames {
  readonly name: string
  readonly help: string
  /** Upper bounds, rising. */
  readonly buckets: readonly number[]
}

/** A histogram without labels that costs one search an observation; prom-client, which makes objects each time, gets the sums when somebody asks. */
export class Distribution {
  readonly #buckets: readonly number[]
  /** Observations of each bucket alone, the last one being above all bounds. */
  readonly #counts: number[]
  #sum = 0

  constructor(registry: Registry, { name, help, buckets }: DistributionNames) {
    this.#buckets = buckets
    this.#counts = Array.from({ length: buckets.length + 1 }, () => 0)
    const read = (): Read => ({ counts: this.#counts, sum: this.#sum })
    registry.registerMetric(new ReadHistogram({ name, help, buckets: [...buckets], registers: [] }, read))
  }

  observe(value: number): void {
    let at = 0
    while (at < this.#buckets.length && value > (this.#buckets[at] ?? 0)) at += 1
    this.#counts[at] = (this.#counts[at] ?? 0) + 1
    this.#sum += value
  }
}

interface Read {
  readonly counts: readonly number[]
  readonly sum: number
}

type Configuration = ConstructorParameters<typeof Histogram<string>>[0]

/** A value as prom-client's registry takes it to write it down. */
interface Written {
  readonly labels: Readonly<Record<string, string | number>>
  readonly sharedLabels: Readonly<Record<string, string>>
  readonly value: number
  readonly metricName: string
}

class ReadHistogram extends Histogram {
  readonly #configuration: Configuration
  readonly #read: () => Read

  constructor(configuration: Configuration, read: () => Read) {
    super(configuration)
    this.#configuration = configuration
    this.#read = read
  }

  /** The one place where prom-client takes the values from: its own `get` asks it too. */
  async getForPromString(): Promise<object> {
    const { name, help, buckets = [] } = this.#configuration
    const { counts, sum } = this.#read()
    let through = 0
    const values = [...buckets, '+Inf'].map((le, index): Written => {
      through += counts[index] ?? 0
      return { labels: { le }, sharedLabels: {}, value: through, metricName: `${name}_bucket` }
    })
    const total = (suffix: string, value: number): Written => ({ labels: {}, sharedLabels: {}, value, metricName: `${name}_${suffix}` })
    return { name, help, type: 'histogram', values: [...values, total('sum', sum), total('count', through)], aggregator: 'sum' }
  }
}
