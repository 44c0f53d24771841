import type { KafkaRecord, MessageRecord, RecordsBatch } from '@platformatic/kafka'
import type { LogRecord } from '../../ports/log.ts'
import { kafkaPosition } from './kafka-position.ts'

/** Only our records have it; its value is the number of events, in decimal digits. */
const eventsHeader = Buffer.from('millrace-events')

const controlBatch = 0b10_0000

export interface RecordToWrite {
  readonly payload: Uint8Array
  readonly events: number
}

export function encodeRecord(topic: string, partition: number, { payload, events }: RecordToWrite): MessageRecord {
  const value = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)
  return { topic, partition, value, headers: new Map([[eventsHeader, Buffer.from(String(events))]]) }
}

export interface ReadPlace {
  readonly partition: number
  readonly incarnation: number
  /** Records before it were seen; a batch is always sent whole. */
  readonly from: bigint
}

export interface DecodedBatches {
  readonly records: readonly LogRecord[]
  /** The offset after all of them. */
  readonly next: bigint
  /** Records of other programs, which are passed over. */
  readonly foreign: number
}

export function decodeBatches(batches: readonly RecordsBatch[], { partition, incarnation, from }: ReadPlace): DecodedBatches {
  const records: LogRecord[] = []
  let next = from
  let foreign = 0
  for (const batch of batches) {
    if ((batch.attributes & controlBatch) === 0) {
      for (const record of batch.records) {
        const offset = batch.firstOffset + BigInt(record.offsetDelta)
        if (offset < from) continue
        const events = eventsOf(record)
        if (events === null || record.value === null) foreign += 1
        else {
          // The broker stamps a whole batch when it takes it.
          const appendedAt = Number(batch.maxTimestamp)
          records.push({ partition, position: kafkaPosition({ incarnation, offset }), appendedAt, events, sequence: undefined, payload: record.value })
        }
      }
    }
    const after = batch.firstOffset + BigInt(batch.lastOffsetDelta) + 1n
    if (after > next) next = after
  }
  return { records, next, foreign }
}

function eventsOf({ headers }: KafkaRecord): number | null {
  const value = headers.find(([name]) => name !== null && eventsHeader.equals(name))?.[1]
  return value != null && /^\d{1,9}$/.test(value.toString('latin1')) ? Number(value.toString('latin1')) : null
}
