import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectControl } from '../../collector/src/control-client.ts'
import type { Status } from '../../collector/src/query/status.ts'
import { CollectorProcess, testKeys } from '../../collector/test/collector-process.ts'
import { untilAtRest } from '../../collector/test/read-side.ts'
import { Millrace } from '../src/millrace.ts'
import type { Stats } from '../src/tally.ts'
import { Forwarder } from './forwarder.ts'

export interface KilledDelivery {
  readonly stats: Stats
  /** Events that close() could not deliver. */
  readonly left: number
  readonly kills: number
  readonly totals: Status['totals']
  readonly agree: boolean
  /** Rows and different message ids in ClickHouse, tab between them. */
  readonly clickHouse: string
  readonly refused: number
}

/**
 * Sends events to a real collector and kills it with SIGKILL while they are under way, each time an equal part more has
 * been delivered; it is started again at once. Answers what every tier holds at rest.
 */
export async function deliverThroughKills({ events, kills }: { readonly events: number; readonly kills: number }): Promise<KilledDelivery> {
  const data = mkdtempSync(join(tmpdir(), 'millrace-sdk-kills-'))
  const collector = new CollectorProcess(data, ['--object-delay-ms', '200', '--load-delay-ms', '100'])
  await collector.start()
  const forwarder = await Forwarder.start(() => collector.url)
  try {
    const killer = new Killer(collector, { every: Math.floor(events / (kills + 1)), kills })
    const client = new Millrace({ writeKey: testKeys.writeKey, host: forwarder.url, flushAt: 100, onDelivered: () => killer.delivered() })
    let refused = 0
    for (let index = 0; index < events; index += 1) {
      await client.ready()
      if (!client.track({ userId: `customer-${index % 997}`, event: 'Order Completed', properties: { order_id: `o-${index}`, value: index } }).ok) refused += 1
    }
    await client.flush()
    const { left } = await client.close()
    await killer.over
    const { totals, agree } = await untilAtRest(() => collector.url, testKeys.secretKey, { accepted: events, withinMs: 60_000 })
    const control = await connectControl(data)
    const answer = await control?.call('sql', { sql: 'select count(), uniqExact(message_id) from events', format: 'TSV' })
    return { stats: client.stats(), left, kills: killer.done, totals, agree, clickHouse: String(answer).trim(), refused }
  } finally {
    await forwarder.stop()
    await collector.stop()
    rmSync(data, { recursive: true })
  }
}

class Killer {
  readonly #collector: CollectorProcess
  readonly #every: number
  readonly #kills: number
  #delivered = 0
  done = 0
  over: Promise<void> = Promise.resolve()

  constructor(collector: CollectorProcess, { every, kills }: { readonly every: number; readonly kills: number }) {
    this.#collector = collector
    this.#every = every
    this.#kills = kills
  }

  delivered(): void {
    this.#delivered += 1
    if (this.#delivered % this.#every !== 0 || this.#delivered / this.#every > this.#kills) return
    this.over = this.over.then(async () => {
      await this.#collector.kill('collector')
      this.done += 1
      await this.#collector.start()
    })
  }
}
