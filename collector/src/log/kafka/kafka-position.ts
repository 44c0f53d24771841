import { MillraceError } from '../../platform/errors.ts'
import type { LogPosition } from '../../ports/log.ts'

/** Where a record is: which life of the topic, and its offset in the partition. */
export interface KafkaPlace {
  /** When the topic was made, epoch seconds. */
  readonly incarnation: number
  readonly offset: bigint
}

/** Fixed width, so that text order is log order, and a topic that was made anew sorts after its earlier life. */
export function kafkaPosition({ incarnation, offset }: KafkaPlace): LogPosition {
  return `${incarnation.toString(16).padStart(10, '0')}:${offset.toString(16).padStart(16, '0')}`
}

/** Fails with `log_gap` for a position of another kind of log: what stands after it cannot be found here. */
export function parseKafkaPosition(position: LogPosition): KafkaPlace {
  const match = /^([0-9a-f]{10}):([0-9a-f]{16})$/.exec(position)
  if (match === null) {
    throw new MillraceError('log_gap', `${JSON.stringify(position)} is no position of a Kafka log; was the log on another engine before? A changed log needs a new database and data directory`)
  }
  return { incarnation: Number.parseInt(match[1] ?? '', 16), offset: BigInt(`0x${match[2] ?? ''}`) }
}
