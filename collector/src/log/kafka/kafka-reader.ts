import { MillraceError } from '../../platform/errors.ts'
import type { LogCursor, LogHead, LogPosition, LogReader } from '../../ports/log.ts'
import type { KafkaCluster } from './kafka-cluster.ts'
import { KafkaLogCursor } from './kafka-cursor.ts'
import { kafkaPosition, parseKafkaPosition } from './kafka-position.ts'
import { findTopic, type KafkaTopic } from './kafka-topic.ts'

/** What a partition holds: from the first kept record up to before the offset that comes next. */
interface Extent {
  readonly first: bigint
  readonly next: bigint
}

const firstOffset = -2n
const nextOffset = -1n
const deleteTimeoutMs = 5_000

/** Reads where it is told; the brokers keep no place for it. */
export class KafkaLogReader implements LogReader {
  readonly partitions: number
  readonly #cluster: KafkaCluster
  readonly #cursors = new Set<KafkaLogCursor>()
  #topic: KafkaTopic
  #closed = false

  constructor(cluster: KafkaCluster, partitions: number, topic: KafkaTopic) {
    this.partitions = partitions
    this.#cluster = cluster
    this.#topic = topic
  }

  async open(partition: number, after: LogPosition | null): Promise<LogCursor> {
    if (!Number.isInteger(partition) || partition < 0 || partition >= this.partitions) throw new MillraceError('internal', `there is no partition ${partition}`)
    if (this.#closed) throw new MillraceError('closed', 'the log is closed')
    this.#topic = await this.#cluster.patiently(() => existingTopic(this.#cluster, this.partitions))
    const extent = (await this.#extents([partition])).get(partition)
    if (extent === undefined) throw new MillraceError('unavailable', `${this.#cluster.name} does not say what partition ${partition} holds`, { retryable: true })
    const cursor: KafkaLogCursor = new KafkaLogCursor({
      cluster: this.#cluster, topic: this.#topic, partition, offset: this.#start(partition, after, extent),
      closed: () => this.#cursors.delete(cursor),
    })
    this.#cursors.add(cursor)
    return cursor
  }

  async heads(): Promise<readonly LogHead[]> {
    const { incarnation } = this.#topic
    const extents = await this.#extents(Array.from({ length: this.partitions }, (_, partition) => partition))
    return [...extents].toSorted(([a], [b]) => a - b).map(([partition, { next }]) => ({
      partition, position: next === 0n ? null : kafkaPosition({ incarnation, offset: next - 1n }), sequence: undefined,
    }))
  }

  async acknowledge(partition: number, position: LogPosition): Promise<void> {
    const { incarnation, offset } = parseKafkaPosition(position)
    // An earlier life of the topic is gone with all its records.
    if (incarnation !== this.#topic.incarnation) return
    const topics = [{ name: this.#cluster.address.topic, partitions: [{ partitionIndex: partition, offset: offset + 1n }] }]
    await this.#cluster.patiently(async () => {
      await this.#cluster.askAt(await this.#cluster.leaderOf(partition), this.#cluster.package.deleteRecordsV2.api, topics, deleteTimeoutMs)
    })
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await Promise.all([...this.#cursors].map((cursor) => cursor.close()))
    await this.#cluster.close()
  }

  #start(partition: number, after: LogPosition | null, { first, next }: Extent): bigint {
    if (after === null) return first
    const place = parseKafkaPosition(after)
    const { address: { topic }, name } = this.#cluster
    const where = `partition ${partition} of the topic ${topic} of ${name}`
    if (place.incarnation > this.#topic.incarnation || (place.incarnation === this.#topic.incarnation && place.offset >= next)) {
      throw new MillraceError('log_gap', `${where} ends before ${after}, which is decided already; was it restored? Delete the topic, and the collector makes a new one that goes on after it`)
    }
    // Made anew after that position: everything in it is later.
    const from = place.incarnation < this.#topic.incarnation ? 0n : place.offset + 1n
    if (from < first) {
      throw new MillraceError('log_gap', `records of ${where} after ${after} are not in the log any more; rebuild from the archive`)
    }
    return from
  }

  /** One question to each broker that leads some of the partitions. */
  async #extents(partitions: readonly number[]): Promise<ReadonlyMap<number, Extent>> {
    return this.#cluster.patiently(async () => {
      const [first, next] = await Promise.all([this.#offsets(partitions, firstOffset), this.#offsets(partitions, nextOffset)])
      return new Map(partitions.map((partition) => [partition, { first: first.get(partition) ?? 0n, next: next.get(partition) ?? 0n }]))
    })
  }

  async #offsets(partitions: readonly number[], timestamp: bigint): Promise<ReadonlyMap<number, bigint>> {
    const { address: { topic }, package: { listOffsetsV7 } } = this.#cluster
    const led = await Promise.all(partitions.map(async (partition) => ({ partition, leader: await this.#cluster.leaderOf(partition) })))
    const answers = await Promise.all([...Map.groupBy(led, ({ leader }) => leader)].map(([leader, group]) =>
      this.#cluster.askAt(leader, listOffsetsV7.api, -1, 0, [{
        name: topic, partitions: group.map(({ partition }) => ({ partitionIndex: partition, currentLeaderEpoch: -1, timestamp })),
      }])))
    return new Map(answers.flatMap(({ topics }) => topics.flatMap((answer) =>
      answer.partitions.map(({ partitionIndex, offset }) => [partitionIndex, offset] as const))))
  }
}

/** Writers make the topic; until one did, a reader has to wait. */
export async function existingTopic(cluster: KafkaCluster, partitions: number): Promise<KafkaTopic> {
  const topic = await findTopic(cluster, partitions)
  if (topic !== null) return topic
  throw new MillraceError('unavailable', `there is no topic ${cluster.address.topic} at ${cluster.name} yet; a process with the edge role makes it`, { retryable: true })
}
