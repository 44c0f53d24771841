import type { Clock } from '../../platform/clock.ts'
import type { LogPosition, LogReader, LogWriter } from '../../ports/log.ts'
import { parseKafkaUrl } from './kafka-address.ts'
import { KafkaCluster } from './kafka-cluster.ts'
import { existingTopic, KafkaLogReader } from './kafka-reader.ts'
import { makeTopic } from './kafka-topic.ts'
import { KafkaLogWriter } from './kafka-writer.ts'

export interface KafkaReaderOptions {
  /** 1 to 1024; fixed when the topic is made. */
  readonly partitions: number
  readonly clock: Clock
}

export interface KafkaWriterOptions extends KafkaReaderOptions {
  /** The furthest position that is already decided: a topic that is made sorts after it. */
  readonly notBefore: LogPosition | null
  /** How long an append may take before it fails, milliseconds; 8 seconds unless told. */
  readonly appendTimeoutMs?: number
}

/** Less than the edge waits before it turns to its spool, so that a record which was never sent is not sent twice. */
const appendTimeoutMsDefault = 8_000

/**
 * The log on a topic of Apache Kafka 3.1 or later; {@link parseKafkaUrl} tells the URL's form. Makes the topic if there
 * is none. Needs the package `@platformatic/kafka`. Fails with `unavailable` (retryable) while no broker answers, with
 * `package_missing`, and with `bad_config` for what waiting cannot mend: the address, the password, TLS, a topic of
 * something else or with another number of partitions, a right that is not granted.
 */
export async function openKafkaWriter(url: string, { partitions, clock, notBefore, appendTimeoutMs = appendTimeoutMsDefault }: KafkaWriterOptions): Promise<LogWriter> {
  const cluster = await KafkaCluster.open(parseKafkaUrl(url), clock)
  try {
    const topic = await cluster.patiently(() => makeTopic(cluster, { partitions, notBefore }))
    return new KafkaLogWriter(cluster, { partitions, topic, appendTimeoutMs })
  } catch (error) {
    await cluster.close()
    throw error
  }
}

/** As {@link openKafkaWriter}, but `unavailable` where there is no topic yet. */
export async function openKafkaReader(url: string, { partitions, clock }: KafkaReaderOptions): Promise<LogReader> {
  const cluster = await KafkaCluster.open(parseKafkaUrl(url), clock)
  try {
    const topic = await cluster.patiently(() => existingTopic(cluster, partitions))
    return new KafkaLogReader(cluster, partitions, topic)
  } catch (error) {
    await cluster.close()
    throw error
  }
}
