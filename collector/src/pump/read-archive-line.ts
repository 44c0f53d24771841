import type { CanonicalEvent } from '@millrace/schemas'
import { MillraceError } from '../platform/errors.ts'
import type { DecidedEvent } from '../query/event-feed.ts'
import { isCanonicalEvent } from './read-record.ts'

export interface ArchivedEvent {
  readonly workspace: number
  readonly profileId: string
  readonly identifierKey: string
  readonly receivedAt: number
  /** Of the edge, as the log had them. */
  readonly flags: readonly string[]
  readonly event: CanonicalEvent
}

/** A stored event of the archive; null for a quarantined one and for a control, which have no row. */
export function readArchiveLine(line: string): ArchivedEvent | null {
  const decided = readDecidedLine(line)
  if (decided === null) return null
  const { workspace, receivedAt, flags, event, outcome } = decided
  return event === null || 'dropped' in outcome ? null : { workspace, receivedAt, flags, event, ...outcome }
}

/** An event of the archive, stored or quarantined; null for a control. Fails with `corrupt` for a line that the pump did not write. */
export function readDecidedLine(line: string): DecidedEvent | null {
  const parsed: unknown = JSON.parse(line)
  if (typeof parsed !== 'object' || parsed === null || !('workspace' in parsed && 'receivedAt' in parsed && 'event' in parsed)) throw unreadable()
  if ('control' in parsed && parsed.control === true) return null
  const { workspace, receivedAt, event } = parsed
  const outcome = outcomeOf(parsed)
  if (typeof workspace !== 'number' || typeof receivedAt !== 'number' || outcome === null) throw unreadable()
  const base = { workspace, receivedAt, outcome, flags: flagsOf(parsed), length: line.length }
  if (isCanonicalEvent(event)) return { ...base, messageId: event.messageId, event }
  if ('dropped' in outcome && typeof event === 'object' && event !== null && 'messageId' in event && typeof event.messageId === 'string') {
    return { ...base, messageId: event.messageId, event: null }
  }
  throw unreadable()
}

function outcomeOf(parsed: object): DecidedEvent['outcome'] | null {
  if ('dropped' in parsed && typeof parsed.dropped === 'string') return { dropped: parsed.dropped }
  if ('profileId' in parsed && 'identifierKey' in parsed && typeof parsed.profileId === 'string' && typeof parsed.identifierKey === 'string') {
    return { profileId: parsed.profileId, identifierKey: parsed.identifierKey }
  }
  return null
}

function flagsOf(parsed: object): readonly string[] {
  return 'flags' in parsed && Array.isArray(parsed.flags) ? parsed.flags.filter((flag) => typeof flag === 'string') : []
}

function unreadable(): MillraceError {
  return new MillraceError('corrupt', 'an archive line cannot be read')
}
