import { MillraceError } from '../../platform/errors.ts'

/** Where a message lies in its partition: an entry of a ledger, and the index in the entry if it is a batch. */
export interface MessageId {
  readonly ledger: number
  readonly entry: number
  /** -1: the entry is one message. */
  readonly index: number
}

const ledgerField = 1
const entryField = 2
const partitionField = 3
const indexField = 4

/**
 * Reads the bytes that every Pulsar client gives for a message id. null for the id -1:-1, by which the broker answers a
 * message that it has already.
 */
export function decodeMessageId(bytes: Uint8Array): MessageId | null {
  const fields = new Map<number, bigint>()
  let at = 0
  const varint = (): bigint => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at]
      if (byte === undefined || shift > 63n) throw foreign(bytes)
      at += 1
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return BigInt.asIntN(64, value)
    }
  }
  while (at < bytes.length) {
    const tag = Number(varint())
    const kind = tag & 7
    const value = varint()
    if (kind === 0) fields.set(tag >> 3, value)
    // The id of a first chunk, acknowledgement sets: nothing that says where the message is.
    else if (kind === 2) at += Number(value)
    else throw foreign(bytes)
  }
  const [ledger, entry, index] = [fields.get(ledgerField), fields.get(entryField), fields.get(indexField) ?? -1n]
  if (ledger === undefined || entry === undefined) throw foreign(bytes)
  if (ledger < 0n || entry < 0n) return null
  return { ledger: Number(ledger), entry: Number(entry), index: Number(index) }
}

/** The bytes of a message id in a topic that is one partition. */
export function encodeMessageId({ ledger, entry, index }: MessageId, partition: number): Buffer {
  const bytes: number[] = []
  const field = (number: number, value: number): void => {
    bytes.push(number << 3)
    let rest = BigInt.asUintN(64, BigInt(value))
    while (rest >= 0x80n) {
      bytes.push(Number(rest & 0x7fn) | 0x80)
      rest >>= 7n
    }
    bytes.push(Number(rest))
  }
  field(ledgerField, ledger)
  field(entryField, entry)
  field(partitionField, partition)
  if (index >= 0) field(indexField, index)
  return Buffer.from(bytes)
}

function foreign(bytes: Uint8Array): MillraceError {
  return new MillraceError('corrupt', `${Buffer.from(bytes).toString('hex')} is no message id of Pulsar`)
}
