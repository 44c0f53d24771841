import { type EventType, judgeEvent, limits, uuidV7 } from '@millrace/schemas'
import type { Clock } from './clock.ts'
import type { EventBytes, EventMemory } from './event-memory.ts'
import type { Refusal } from './outcomes.ts'
import type { RequestContext } from './request-context.ts'
import type { SpoolPlace } from './spool/spool-segment.ts'

/** Called once with what became of the call: without an error if the collector has the event. */
export type OutcomeCallback = (error?: Error) => void

/** An accepted event as it will be sent. */
export interface QueuedEvent {
  /** Counts the events of a client in the order they were accepted, from 1. */
  readonly number: number
  readonly messageId: string
  json: EventBytes
  /** Length of `json`. */
  readonly bytes: number
  /** Epoch milliseconds. */
  readonly acceptedAt: number
  /** The same moment on the clock that only grows. */
  readonly acceptedTicks: number
  readonly callback: OutcomeCallback | undefined
  /** How often it came back as `retry`. */
  retries: number
  /** Where it stands on disk; undefined without a queue directory. */
  place: SpoolPlace | undefined
}

export interface EncodeRequest {
  readonly type: EventType
  /** What the caller passed: anything. */
  readonly call: unknown
  /** Fields of the request that is being served; the call's own win. */
  readonly inherited: RequestContext | undefined
  readonly number: number
  readonly clock: Clock
  readonly memory: EventMemory
  readonly callback: OutcomeCallback | undefined
}

/** The collector adds its own fields to an event before it measures it. */
const bytesAddedLater = 512
const eventBytesMax = limits.eventBytesMax - bytesAddedLater

/**
 * Turns a call into the text that is sent, once: what the caller changes afterwards has no effect, and everything that
 * can go wrong with his values goes wrong here.
 */
export function encodeEvent({ type, call, inherited, number, clock, memory, callback }: EncodeRequest): QueuedEvent | Refusal {
  try {
    if (typeof call !== 'object' || call === null || Array.isArray(call)) return invalid(`${type} takes one object`)
    const now = clock.now()
    const fields: Record<string, unknown> = { ...call }
    if (inherited !== undefined) inherit(fields, inherited)
    const problem = judge(type, fields)
    if (problem !== null) return problem
    const timestamp = timeText(fields['timestamp'], now)
    if (timestamp === null) return invalid('timestamp must be a Date or an ISO 8601 text')
    const given = fields['messageId']
    const messageId = typeof given === 'string' && given.trim() !== '' ? given : uuidV7(now)
    fields['type'] = type
    fields['messageId'] = messageId
    fields['timestamp'] = timestamp
    const text = JSON.stringify(fields)
    const bytes = Buffer.byteLength(text)
    if (bytes > eventBytesMax) return { reason: 'too_large', message: `the event has ${bytes} bytes; ${eventBytesMax} are allowed` }
    return { number, messageId, json: memory.write(text, bytes), bytes, acceptedAt: now, acceptedTicks: clock.ticks(), callback, retries: 0, place: undefined }
  } catch (error) {
    // A circle, a BigInt, a getter that throws.
    return invalid(`the ${type} call cannot be written as JSON: ${textOf(error)}`)
  }
}

/** What the call leaves out, or gives as undefined or null, comes from the request. */
function inherit(fields: Record<string, unknown>, { userId, anonymousId, context }: RequestContext): void {
  if (userId !== undefined) fields['userId'] ??= userId
  if (anonymousId !== undefined) fields['anonymousId'] ??= anonymousId
  if (context !== undefined) fields['context'] = { ...context, ...Object(fields['context']) }
}

function judge(type: EventType, fields: Readonly<Record<string, unknown>>): Refusal | null {
  const reason = judgeEvent(type, fields['event'])
  if (reason === 'event_too_large') return { reason: 'too_large', message: `event may have ${limits.eventNameCharactersMax} characters` }
  if (reason === 'unknown_type') return invalid('there is no such call')
  if (reason !== null) return invalid('track needs the name of the event')
  if (type === 'group' && !isText(fields['groupId'])) return invalid('group needs a groupId')
  if (type === 'alias' && !(isText(fields['previousId']) && isText(fields['userId']))) return invalid('alias needs previousId and userId')
  if (!isText(fields['userId']) && !isText(fields['anonymousId']) && !hasContact(fields)) {
    return invalid(`${type} needs a userId or an anonymousId, or an e-mail or phone in the traits`)
  }
  return null
}

function hasContact({ traits, context }: Readonly<Record<string, unknown>>): boolean {
  const inContext: unknown = Reflect.get(Object(context), 'traits')
  return [traits, inContext].some((one) => isText(Reflect.get(Object(one), 'email')) || isText(Reflect.get(Object(one), 'phone')))
}

/** A number counts: shops number their customers. */
function isText(value: unknown): boolean {
  return (typeof value === 'string' && value.trim() !== '') || Number.isSafeInteger(value)
}

/** Stricter than `Date.parse`, which takes "1" for the year 2001. */
const isoTime = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?$/i

function timeText(value: unknown, now: number): string | null {
  if (value === undefined || value === null) return isoText(now)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString()
  return typeof value === 'string' && isoTime.test(value) && !Number.isNaN(Date.parse(value)) ? value : null
}

let isoMs = Number.NaN
let isoOfMs = ''

/** Many calls fall into one millisecond. */
function isoText(ms: number): string {
  if (ms !== isoMs) {
    isoMs = ms
    isoOfMs = new Date(ms).toISOString()
  }
  return isoOfMs
}

function invalid(message: string): Refusal {
  return { reason: 'invalid', message }
}

/** A thrown value may be anything, even something whose text throws. */
function textOf(error: unknown): string {
  try {
    return error instanceof Error ? error.message : String(error)
  } catch {
    return 'it threw'
  }
}
