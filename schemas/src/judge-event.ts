import { type EventType, eventTypes } from './events.ts'
import { limits } from './limits.ts'
import type { QuarantineReason } from './results.ts'

const types: ReadonlySet<unknown> = new Set(eventTypes)

export function isEventType(value: unknown): value is EventType {
  return types.has(value)
}

/**
 * Why a call can never become an event, judged by its type and name alone; null if nothing speaks against it.
 * A track's name must be text with more than blanks in it, up to `limits.eventNameCharactersMax`.
 */
export function judgeEvent(type: unknown, eventName: unknown): QuarantineReason | null {
  if (!isEventType(type)) return 'unknown_type'
  if (type !== 'track') return null
  if (typeof eventName !== 'string' || eventName.trim() === '') return 'missing_event_name'
  return eventName.length > limits.eventNameCharactersMax ? 'event_too_large' : null
}
