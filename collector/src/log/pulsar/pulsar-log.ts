import type { Clock } from '../../platform/clock.ts'
import type { LogReader, LogWriter } from '../../ports/log.ts'
import { prepareTopic, type PreparedTopic } from './prepare-topic.ts'
import { PulsarAdmin } from './pulsar-admin.ts'
import { nativeTransport } from './native/native-transport.ts'
import { parsePulsarAddress, type PulsarAddress } from './pulsar-address.ts'
import { PulsarReader } from './pulsar-reader.ts'
import type { PulsarTransport } from './pulsar-transport.ts'
import { PulsarWriter } from './pulsar-writer.ts'
import { SequenceNumbers } from './sequence-numbers.ts'
import { TopicAdmin } from './topic-admin.ts'
import { webSocketTransport } from './websocket/websocket-transport.ts'

export interface PulsarLogOptions {
  /** As {@link parsePulsarAddress} reads it. */
  readonly url: string
  /** Wins over a token in the URL. */
  readonly token: string | null
  /** 1 to 1024; fixed by the first start. */
  readonly partitions: number
  readonly clock: Clock
  /** Hears of what an operator should know, such as a connection that was lost; a warning of the process unless told. */
  readonly report?: (message: string) => void
}

export interface PulsarWriterSettings extends PulsarLogOptions {
  /** Keeps the producer's name and its numbers. */
  readonly directory: string
  /** After this an append that is not answered fails, milliseconds. */
  readonly appendTimeoutMs: number
}

interface Opened {
  readonly address: PulsarAddress
  readonly topic: TopicAdmin
  readonly prepared: PreparedTopic
  readonly transport: PulsarTransport
  end(): Promise<void>
}

/**
 * Opens the topic for publishing; it is made if it is missing. `directory` belongs to this process alone and must not be
 * copied. Fails with `bad_config` for what only the operator can mend, with `unavailable` (retryable) while the broker is
 * away, with `package_missing`.
 */
export async function openPulsarWriter(options: PulsarWriterSettings): Promise<LogWriter> {
  const { prepared, transport, end } = await open(options)
  const numbers = SequenceNumbers.open(options.directory)
  const opening = await Promise.allSettled(numbers.lanes(options.partitions).map((lane, partition) =>
    transport.openProducer(partition, { lane, rename: () => numbers.rename(), appendTimeoutMs: options.appendTimeoutMs })))
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

/** Opens the topic for reading; it is made if it is missing. Fails as {@link openPulsarWriter} does. */
export async function openPulsarReader(options: PulsarLogOptions): Promise<LogReader> {
  const { address, topic, prepared, transport, end } = await open(options)
  const { partitions, clock, report = (message: string) => process.emitWarning(message) } = options
  return new PulsarReader({
    partitions, clock, report, topic, end, shown: address.shown, incarnation: prepared.incarnation, openStream: transport.openStream,
  })
}

async function open({ url, token, partitions, clock }: PulsarLogOptions): Promise<Opened> {
  const address = parsePulsarAddress(url, token)
  const admin = new PulsarAdmin(address)
  const topic = new TopicAdmin(admin, address.topic)
  try {
    const prepared = await prepareTopic({ topic, shown: address.shown, partitions, clock })
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
