import type { OpenStream } from './message-stream.ts'
import type { PartitionProducer } from './partition-producer.ts'
import type { SequenceLane } from './sequence-numbers.ts'

export interface ProducerSettings {
  /** After this a message that is not answered is given up, milliseconds. */
  readonly appendTimeoutMs: number
  /** The producer's name and numbers. */
  readonly lane: SequenceLane
  /** A lane under a name that the broker does not know, for when it turns out that numbers had been used before. */
  rename(): SequenceLane
}

/** What differs between the two ways to the broker. */
export interface PulsarTransport {
  readonly recordBytesMax: number
  readonly boundedBy: string
  openProducer(partition: number, settings: ProducerSettings): Promise<PartitionProducer>
  readonly openStream: OpenStream
  close(): Promise<void>
}
