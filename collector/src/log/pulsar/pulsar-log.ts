import type { Clock } from '../../platform/clock.ts'
import type { LogPosition, LogReader, LogWriter } from '../../ports/log.ts'
import { nativeTransport } from './native/native-transport.ts'
import { parsePosition } from './position.ts'
import { type MakeTopic, prepareTopic, type PreparedTopic } from './prepare-topic.ts'
import { PulsarAdmin } from './pulsar-admin.ts'
import { parsePulsarAddress, type PulsarAddress } from './pulsar-address.ts'
import { PulsarReader } from './pulsar-reader.ts'
import type { PulsarTransport } from './pulsar-transport.ts'
import { PulsarWriter } from './pulsar-writer.ts'
import { SequenceNumbers } from './sequence-numbers.ts'
import { TopicAdmin } from './topic-admin.ts'
import { webSocketTransport } from './websocket/websocket-transport.ts'

export interface PulsarLogSettings {
  /** Wins over a token in the URL. */
  readonly token: string | null
  /** 1 to 1024; fixed by the first start. */
  readonly partitions: number
  readonly clock: Clock
  /** Hears of what an operator should know, such as a connection that was lost; a warning of the process unless told. */
  readonly report?: (message: string) => void
}

export interface PulsarWriterSettings extends PulsarLogSettings {
  /** Keeps the producer's name and its numbers. */
  readonly directory: string
  /** The furthest position that is already decided: a topic that is made sorts after it. */
  readonly notBefore: LogPosition | null
  /** After this an append that is not answered fails, milliseconds; 8 seconds unless told. */
  readonly appendTimeoutMs?: number
}

/** Less than the edge waits before it turns to its spool, so that a record which was never sent is not sent twice. */
const appendTimeoutMsDefault = 8_000

interface Opened {
  readonly address: PulsarAddress
  readonly topic: TopicAdmin
  readonly prepared: PreparedTopic
  readonly transport: PulsarTransport
  end(): Promise<void>
}

/**
 * Opens the topic that `url` names, as {@link parsePulsarAddress} reads it, for publishing; it is made if it is missing.
 * `directory` belongs to this process alone and must not be copied. Fails with `bad_config` for what only the operator
 * can mend, with `unavailable` (retryable) while the broker is away, with `package_missing`.
 */
export async function openPulsarWriter(url: string, settings: PulsarWriterSettings): Promise<LogWriter> {
  const { partitions, notBefore, directory, appendTimeoutMs = appendTimeoutMsDefault } = settings
  const { prepared, transport, end } = await open(url, settings, { incarnationAbove: notBefore === null ? 0 : parsePosition(notBefore).incarnation })
  const numbers = SequenceNumbers.open(directory)
  const opening = await Promise.allSettled(numbers.lanes(partitions).map((lane, partition) =>
    transport.openProducer(partition, { lane, rename: () => numbers.rename(), appendTimeoutMs })))
  const producers = opening.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  const failure = opening.find((one) => one.status === 'rejected')
  if (failure !== undefined) {
    await Promise.all(producers.map((producer) => producer.close()))
    await end()
    throw failure.reason
  }
  const { incarnation } = prepared
  return new PulsarWriter({ incarnation, producers, recordBytesMax: transport.recordBytesMax, boundedBy: transport.boundedBy, end })
}

/** Opens the topic for reading. Fails as {@link openPulsarWriter} does, and with `unavailable` where there is no topic yet. */
export async function openPulsarReader(url: string, settings: PulsarLogSettings): Promise<LogReader> {
  const { address, topic, prepared, transport, end } = await open(url, settings, null)
  const { partitions, clock, report = (message: string) => process.emitWarning(message) } = settings
  return new PulsarReader({
    partitions, clock, report, topic, end, shown: address.shown, incarnation: prepared.incarnation, openStream: transport.openStream,
  })
}

async function open(url: string, { token, partitions, clock }: PulsarLogSettings, make: MakeTopic | null): Promise<Opened> {
  const address = parsePulsarAddress(url, token)
  const admin = new PulsarAdmin(address)
  const topic = new TopicAdmin(admin, address.topic)
  try {
    const prepared = await prepareTopic({ topic, shown: address.shown, partitions, clock, make })
    const transport = await (address.transport === 'native' ? nativeTransport : webSocketTransport)(address, { topic, clock })
    return {
      address, topic, prepared, transport,
      end: async () => {
        await transport.close()
        admin.close()
      },
    }
  } catch (error) {
    admin.close()
    throw error
  }
}
