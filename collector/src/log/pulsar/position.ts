import { MillraceError } from '../../platform/errors.ts'
import type { LogPosition } from '../../ports/log.ts'
import type { MessageId } from './message-id.ts'

/** A message id in one life of the topic: one that was deleted and made anew numbers as it likes. */
export interface Place extends MessageId {
  /** When the topic was made, epoch milliseconds. */
  readonly incarnation: number
}

const form = /^([0-9a-f]{12}):([0-9a-f]{12}):([0-9a-f]{10}):([0-9a-f]{5})$/

/** Fixed width, so that text order is topic order; a message that is a whole entry has index 0, batched ones count from 1. */
export function positionText({ incarnation, ledger, entry, index }: Place): LogPosition {
  return [hex(incarnation, 12), hex(ledger, 12), hex(entry, 10), hex(index + 1, 5)].join(':')
}

export function parsePosition(position: LogPosition): Place {
  const [, incarnation, ledger, entry, index] = form.exec(position) ?? []
  if (incarnation === undefined || ledger === undefined || entry === undefined || index === undefined) {
    throw new MillraceError('corrupt', `${JSON.stringify(position)} is no position of a log on Pulsar; was the log's URL changed for data that exists?`)
  }
  return { incarnation: whole(incarnation), ledger: whole(ledger), entry: whole(entry), index: whole(index) - 1 }
}

function hex(value: number, digits: number): string {
  const text = value.toString(16).padStart(digits, '0')
  if (text.length > digits) throw new MillraceError('internal', `${value} does not fit into a position`)
  return text
}

function whole(text: string): number {
  return Number.parseInt(text, 16)
}
