import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Registry } from 'prom-client'
import { AutomationMetrics } from '../src/automation/automation-metrics.ts'
import { CartJudge } from '../src/automation/cart-judge.ts'
import { defaultCartSettings, settingsText } from '../src/automation/cart-settings.ts'
import { extractIdentifiers } from '../src/identity/extract-identifiers.ts'
import { identifierKey } from '../src/identity/identifier-key.ts'
import { defaultIdentitySettings } from '../src/identity/identity-settings.ts'
import { identityView } from '../src/identity/identity-view.ts'
import type { Clock } from '../src/platform/clock.ts'
import { MillraceError } from '../src/platform/errors.ts'
import { createLogger } from '../src/platform/logger.ts'
import type { AutomationStore, DeliveryRow } from '../src/ports/automation-store.ts'
import type { Fence } from '../src/ports/oltp.ts'
import { encodeRecordLine } from '../src/ports/record.ts'
import { AutomationFeed } from '../src/pump/automation-feed.ts'
import { BatchBuffer } from '../src/pump/batch-buffer.ts'
import { BatchSource } from '../src/pump/batch-source.ts'
import { decideBatch } from '../src/pump/decide.ts'
import { readRecord } from '../src/pump/read-record.ts'
import { SqliteOltp } from '../src/stores/oltp/sqlite/sqlite-oltp.ts'
import { SqliteReader } from '../src/stores/oltp/sqlite/sqlite-reader.ts'
import { MemoryLog } from './memory-log.ts'

export interface SimulatedEvent {
  readonly messageId: string
  readonly type: 'track' | 'identify'
  readonly event?: string
  readonly userId?: string
  readonly anonymousId?: string
  readonly time: number
  readonly isHistory?: boolean
  readonly product?: string
}

/** How the next judging transaction ends. */
export type Fault = 'none' | 'rolled back' | 'answer lost'

const workspace = 1
export const delayMs = 60_000
const partitions = 3

interface Running {
  readonly pumps: readonly Fence[]
  readonly feeds: readonly AutomationFeed[]
  readonly judge: CartJudge
  readonly buffers: readonly BatchBuffer[]
}

/** Pump, feed and judge of several partitions on a real database, moved by hand under a clock that stands still. */
export class CartSimulation {
  now = Date.UTC(2026, 2, 1)
  fault: Fault = 'none'
  /** Decided elsewhere while somebody waits. */
  whileWaiting: () => Promise<void> = async () => {}
  readonly log = new MemoryLog(partitions)
  readonly oltp: SqliteOltp
  readonly #directory = mkdtempSync(join(tmpdir(), 'millrace-carts-'))
  readonly #reader: SqliteReader
  readonly #clock: Clock
  #running: Running

  private constructor() {
    const path = join(this.#directory, 'millrace.db')
    this.oltp = new SqliteOltp(path)
    this.#clock = { now: () => this.now, elapsed: () => this.now, sleep: async () => this.whileWaiting() }
    this.#reader = new SqliteReader(path)
    this.#running = { pumps: [], feeds: [], judge: this.#judge(), buffers: [] }
  }

  static async start(): Promise<CartSimulation> {
    const simulation = new CartSimulation()
    await simulation.oltp.migrate()
    const webhook = { url: 'https://shop.example/hook', secret: `whsec_${Buffer.alloc(32).toString('base64')}`, previous: null }
    await simulation.oltp.automations.putAutomation({
      workspace, automation: 'abandoned-cart', updatedAt: 0, settings: settingsText({ ...defaultCartSettings, enabled: true, delaySeconds: delayMs / 1_000, webhook }),
    }, delayMs)
    await simulation.restart()
    return simulation
  }

  get partitions(): number {
    return partitions
  }

  /** What a process does that starts after a crash: new epochs, empty memory. */
  async restart(): Promise<void> {
    const store = this.oltp.automations
    await store.releaseLeases(null)
    const source = new BatchSource({ oltp: this.oltp, objects: { get: async () => null }, log: this.log })
    const numbers = Array.from({ length: partitions }, (_, partition) => partition)
    const pumps: Fence[] = []
    const feeds: AutomationFeed[] = []
    for (const partition of numbers) {
      pumps.push((await this.oltp.claimPartition(partition, 'pump')).fence)
      feeds.push(new AutomationFeed(await store.claimConsumer(partition), { oltp: this.oltp, store, source, clock: this.#clock, taken: () => {} }))
    }
    this.#running = { pumps, feeds, judge: this.#judge(), buffers: numbers.map(() => new BatchBuffer(1_000_000)) }
  }

  keyOf(event: SimulatedEvent): string {
    const [strongest] = extractIdentifiers({ ...event }, defaultIdentitySettings).identifiers
    if (strongest === undefined) throw new RangeError('an event without identifiers')
    return identifierKey(workspace, strongest)
  }

  /** The same event always lands in the same partition. */
  accept(event: SimulatedEvent): void {
    const partition = Number.parseInt(this.keyOf(event).slice(0, 6), 16) % partitions
    const iso = (ms: number): string => new Date(ms).toISOString()
    const { messageId, type, event: name, userId, anonymousId, time, isHistory, product } = event
    const json = JSON.stringify({
      messageId, type, event: name, userId, anonymousId, timestamp: iso(time), receivedAt: iso(this.now),
      properties: product === undefined ? {} : { product_id: product, price: 2 }, ...(isHistory === true ? { backfill: true } : {}),
    })
    this.log.append(partition, encodeRecordLine({ workspace, receivedAt: this.now, trust: 'public', reason: null, flags: [], json }), { events: 1, at: this.now })
  }

  /** Decides what the partition has; answers the message ids of what was stored. */
  async decide(partition: number): Promise<readonly string[]> {
    const { position } = await this.oltp.partition(partition)
    const records = this.log.after(partition, position)
    const fence = this.#running.pumps[partition]
    if (records.length === 0 || fence === undefined) return []
    const decided = await this.oltp.decide(fence, (transaction) => decideBatch(transaction, { records, events: records.flatMap(readRecord) }, {
      settings: defaultIdentitySettings, identityKey: Buffer.alloc(32, 1), clock: this.#clock,
    }))
    this.#running.buffers[partition]?.add(decided.row, decided)
    return decided.lines.toString('utf8').split('\n').filter((line) => line !== '').map((line) => {
      const { event }: { event: { messageId: string } } = JSON.parse(line)
      return event.messageId
    })
  }

  /** Shows all decided batches of the partition to automations. */
  async feed(partition: number): Promise<void> {
    const feed = this.#running.feeds[partition]
    const buffer = this.#running.buffers[partition]
    if (feed === undefined || buffer === undefined) return
    while ((await feed.step(buffer)) === 0) {
      // Until it has nothing more.
    }
  }

  /** Judges all that is due; answers what that put into the outbox. */
  async judge(): Promise<void> {
    const stop = new AbortController().signal
    while ((await this.#running.judge.turn(stop)) === 0) {
      // Until nothing more is due.
    }
  }

  /** Records that were accepted and not decided. */
  async undecided(): Promise<number> {
    let count = 0
    for (let partition = 0; partition < partitions; partition += 1) count += this.log.after(partition, (await this.oltp.partition(partition)).position).length
    return count
  }

  async deliveries(): Promise<readonly DeliveryRow[]> {
    return this.#reader.automations.deliveries({ workspace, automation: 'abandoned-cart', limit: 1_000 })
  }

  async profiles(keys: readonly string[]): Promise<ReadonlyMap<string, string>> {
    return this.oltp.automations.transact(async (transaction) =>
      new Map((await transaction.identifiers(workspace, keys)).map(({ key, profileId }) => [key, profileId])))
  }

  async close(): Promise<void> {
    await this.#reader.close()
    await this.oltp.close()
    rmSync(this.#directory, { recursive: true })
  }

  #judge(): CartJudge {
    return new CartJudge({
      store: this.#faulty(), log: this.log, clock: this.#clock, logger: createLogger('error', () => {}, () => this.now), metrics: new AutomationMetrics(new Registry()),
      identity: identityView(() => defaultIdentitySettings), owner: `owner-${Math.random()}`, sent: () => {},
    })
  }

  /** The store, whose transactions fail as databases do when the simulation says so. */
  #faulty(): AutomationStore {
    const store = this.oltp.automations
    const transact: AutomationStore['transact'] = async (work) => {
      const { fault } = this
      this.fault = 'none'
      const lost = new MillraceError(fault === 'answer lost' ? 'outcome_unknown' : 'unavailable', 'the database went away', { retryable: true })
      const result = await store.transact(async (transaction) => {
        const done = await work(transaction)
        if (fault === 'rolled back') throw lost
        return done
      })
      if (fault === 'answer lost') throw lost
      return result
    }
    return new Proxy(store, { get: (target, name) => (name === 'transact' ? transact : bound(target, name)) })
  }
}

function bound(target: AutomationStore, name: string | symbol): unknown {
  const value: unknown = Reflect.get(target, name)
  return typeof value === 'function' ? value.bind(target) : value
}
