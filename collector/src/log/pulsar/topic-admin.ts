import { MillraceError } from '../../platform/errors.ts'
import type { MessageId } from './message-id.ts'
import type { PulsarAdmin } from './pulsar-admin.ts'

/** Holds back what is not archived yet: the broker keeps everything that this subscription has not acknowledged. */
const subscription = 'millrace'

export interface TopicShape {
  readonly partitions: number
  readonly properties: ReadonlyMap<string, string>
}

/** What the broker holds of one partition. */
export interface Holdings {
  /** Ids of its ledgers in order; the last one is open. */
  readonly ledgers: readonly number[]
  /** Messages, or batches of them, that can be read. */
  readonly entries: number
  /** The ledger of the oldest of them. */
  readonly oldest: number | null
  /** Whether our subscription is there. */
  readonly subscribed: boolean
}

/** The questions and orders about one topic, in the words of the administration. */
export class TopicAdmin {
  readonly #admin: PulsarAdmin
  readonly #topic: string

  constructor(admin: PulsarAdmin, topic: string) {
    this.#admin = admin
    this.#topic = topic
  }

  get namespace(): string {
    return this.#topic.split('/').slice(0, 2).join('/')
  }

  /** How many partitions the topic has and its properties; null where there is no such topic. */
  async shape(): Promise<TopicShape | null> {
    const { status, value } = await this.#admin.ask({ method: 'GET', path: `persistent/${this.#topic}/partitions` }, [404])
    const partitions = Number(Reflect.get(Object(value), 'partitions'))
    if (status === 404 || !(partitions > 0)) return null
    return { partitions, properties: textMap(Reflect.get(Object(value), 'properties')) }
  }

  /** False where somebody else made it meanwhile, or a topic without partitions has the name. */
  async create(partitions: number, properties: Readonly<Record<string, string>>): Promise<boolean> {
    const { status } = await this.#admin.ask({
      method: 'PUT', path: `persistent/${this.#topic}/partitions`, body: { partitions, properties },
      contentType: 'application/vnd.partitioned-topic-metadata+json',
    }, [409])
    return status !== 409
  }

  /** With everything in it, whoever uses it. */
  async remove(): Promise<void> {
    await this.#admin.ask({ method: 'DELETE', path: `persistent/${this.#topic}/partitions?force=true` }, [404])
  }

  async setProperties(properties: Readonly<Record<string, string>>): Promise<void> {
    await this.#admin.ask({ method: 'PUT', path: `persistent/${this.#topic}/properties`, body: properties })
  }

  /** On one partition, at its oldest message; does nothing where it is there or somebody else is making it. */
  async subscribe(partition: number): Promise<void> {
    const earliest = { ledgerId: -1, entryId: -1, partitionIndex: -1 }
    await this.#admin.ask({ method: 'PUT', path: `${this.#partition(partition)}/subscription/${subscription}`, body: earliest }, [409, 412])
  }

  /** null where the partition is not there (yet). */
  async holdings(partition: number): Promise<Holdings | null> {
    const { status, value } = await this.#admin.ask({ method: 'GET', path: `${this.#partition(partition)}/internalStats` }, [404])
    if (status === 404) return null
    const ledgers: unknown = Reflect.get(Object(value), 'ledgers')
    if (!Array.isArray(ledgers)) throw new MillraceError('internal', `the statistics of partition ${partition} have no ledgers`)
    // Of the open ledger the number stands elsewhere.
    const filled = ledgers.findIndex((one: unknown) => Number(Reflect.get(Object(one), 'entries')) > 0)
    const ids = ledgers.map((one: unknown) => Number(Reflect.get(Object(one), 'ledgerId')))
    const current = Number(Reflect.get(Object(value), 'currentLedgerEntries')) > 0 ? ids.at(-1) : undefined
    return {
      ledgers: ids,
      oldest: ids[filled] ?? current ?? null,
      entries: Number(Reflect.get(Object(value), 'numberOfEntries')),
      subscribed: Reflect.has(Object(Reflect.get(Object(value), 'cursors')), subscription),
    }
  }

  /** Makes partitions that a broken creation left out. */
  async createMissing(): Promise<void> {
    await this.#admin.ask({ method: 'POST', path: `persistent/${this.#topic}/createMissedPartitions` }, [409])
  }

  /** The newest message; null where the partition holds none. */
  async last(partition: number): Promise<MessageId | null> {
    const { value } = await this.#admin.ask({ method: 'GET', path: `${this.#partition(partition)}/lastMessageId` })
    const [ledger, entry, index] = ['ledgerId', 'entryId', 'batchIndex'].map((name) => Number(Reflect.get(Object(value), name) ?? -1))
    if (ledger === undefined || entry === undefined || index === undefined || !(ledger >= 0 && entry >= 0)) return null
    return { ledger, entry, index }
  }

  /** Acknowledges everything up to and including the message. Never moves backwards. */
  async expire(partition: number, { ledger, entry }: MessageId): Promise<void> {
    // Refused while an earlier one still runs: the next acknowledgement covers it.
    await this.#admin.ask({
      method: 'POST', path: `${this.#partition(partition)}/subscription/${subscription}/expireMessages`,
      body: { ledgerId: ledger, entryId: entry, partitionIndex: partition, isExcluded: false },
    }, [409])
  }

  async subscriptionProperties(partition: number): Promise<ReadonlyMap<string, string>> {
    const { value } = await this.#admin.ask({ method: 'GET', path: `${this.#partition(partition)}/subscription/${subscription}/properties` }, [404])
    return textMap(value)
  }

  async setSubscriptionProperties(partition: number, properties: Readonly<Record<string, string>>): Promise<void> {
    await this.#admin.ask({ method: 'PUT', path: `${this.#partition(partition)}/subscription/${subscription}/properties`, body: properties })
  }

  /** A policy as it holds for the topic, wherever it is set; `unreadable` where the token does not reach so far. */
  async policy(name: string): Promise<unknown> {
    return this.#setting(`persistent/${this.#topic}/${name}?applied=true`)
  }

  async namespacePolicy(name: string): Promise<unknown> {
    return this.#setting(`namespaces/${this.namespace}/${name}`)
  }

  async brokerSettings(): Promise<unknown> {
    return this.#setting('brokers/configuration/runtime')
  }

  async enableDeduplication(): Promise<boolean> {
    const { status } = await this.#admin.ask({ method: 'POST', path: `persistent/${this.#topic}/deduplicationEnabled`, body: true }, [401, 403, 405])
    return status < 300
  }

  async #setting(path: string): Promise<unknown> {
    // 405: topic policies are switched off in the broker.
    const { status, value } = await this.#admin.ask({ method: 'GET', path }, [401, 403, 404, 405])
    return status >= 400 ? unreadable : value
  }

  #partition(partition: number): string {
    return `persistent/${this.#topic}-partition-${partition}`
  }
}

/** A size among the broker's settings, or `instead` where it cannot be read. */
export async function brokerBytes(topic: TopicAdmin, name: string, instead: number): Promise<number> {
  const bytes = Number(Reflect.get(Object(await topic.brokerSettings()), name))
  return Number.isSafeInteger(bytes) && bytes > 0 ? bytes : instead
}

/** In the place of a setting that cannot be read. */
export const unreadable = Symbol('unreadable')

function textMap(value: unknown): ReadonlyMap<string, string> {
  return new Map(Object.entries(Object(value)).map(([key, text]) => [key, String(text)]))
}
