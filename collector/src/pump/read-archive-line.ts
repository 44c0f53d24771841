import type { CanonicalEvent } from '@millrace/schemas'
import { MillraceError } from '../platform/errors.ts'
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

/** A stored event of the archive; null for a quarantined one, which has no row. */
export function readArchiveLine(line: string): ArchivedEvent | null {
  const parsed: unknown = JSON.parse(line)
  if (typeof parsed === 'object' && parsed !== null) {
    if ('dropped' in parsed) return null
    if ('workspace' in parsed && 'profileId' in parsed && 'identifierKey' in parsed && 'receivedAt' in parsed && 'event' in parsed &&
      typeof parsed.workspace === 'number' && typeof parsed.profileId === 'string' && typeof parsed.identifierKey === 'string' &&
      typeof parsed.receivedAt === 'number' && isCanonicalEvent(parsed.event)) {
      const { workspace, profileId, identifierKey, receivedAt, event } = parsed
      const flags: readonly unknown[] = 'flags' in parsed && Array.isArray(parsed.flags) ? parsed.flags : []
      return { workspace, profileId, identifierKey, receivedAt, flags: flags.map(String), event }
    }
  }
  throw new MillraceError('corrupt', 'an archive line cannot be read')
}
