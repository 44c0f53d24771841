import { MillraceError } from '../../platform/errors.ts'
import type { LogPosition } from '../../ports/log.ts'

/** Where a frame is: which life of the log, and its byte offset in it. */
export interface Place {
  readonly incarnation: number
  readonly offset: number
}

/** Fixed width, so that text order is log order. */
export function positionText({ incarnation, offset }: Place): LogPosition {
  return `${hex(incarnation)}:${hex(offset)}`
}

export function parsePosition(position: LogPosition): Place {
  const match = /^([0-9a-f]{14}):([0-9a-f]{14})$/.exec(position)
  if (match === null) throw new MillraceError('corrupt', `${JSON.stringify(position)} is no position of the embedded log`)
  return { incarnation: Number.parseInt(match[1] ?? '', 16), offset: Number.parseInt(match[2] ?? '', 16) }
}

/** 14 digits hold every safe integer. */
export function hex(value: number): string {
  return value.toString(16).padStart(14, '0')
}
