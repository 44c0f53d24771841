import { MillraceError } from '../platform/errors.ts'
import { droppedId } from '../ports/dropped-id.ts'
import type { ProfileReader } from '../ports/profile-reader.ts'
import type { StatusReader } from '../ports/oltp.ts'
import { liveProfileId } from './find-profile.ts'
import { isoTime } from './profile-card.ts'

export interface Receipt {
  readonly messageId: string
  readonly state: 'decided' | 'archived' | 'loaded' | 'dropped'
  readonly reason?: string
  readonly profileId?: string
  readonly acceptedAt: string
  readonly decidedAt: string
  readonly archivedAt?: string
  readonly object?: string
  readonly loadedAt?: string
}

/**
 * Where one event is. Until it is decided nothing knows its message id, so the answer is `not_found`, retryable.
 * `loaded` means archived and loaded. Fails with `not_found` too for a message id older than the duplicate window.
 */
export async function receipt(workspace: number, messageId: string, reader: StatusReader & ProfileReader): Promise<Receipt> {
  const claim = await reader.claimOf(workspace, messageId) ?? await reader.claimOf(workspace, droppedId(messageId))
  const batch = claim === null ? null : await reader.batch(claim.partition, claim.batch)
  if (claim === null || batch === null) {
    throw new MillraceError('not_found', `no event with messageId ${JSON.stringify(messageId)} is decided yet`, { retryable: true })
  }
  const object = await reader.objectOf(claim.partition, claim.batch)
  const load = await reader.loadOf(claim.partition, claim.batch)
  const archived = object !== null && object.archivedAt !== null
    ? { archivedAt: isoTime(object.archivedAt), object: object.name } : {}
  const times = { acceptedAt: isoTime(batch.firstReceivedAt), decidedAt: isoTime(batch.decidedAt), ...archived }
  if (claim.identifierKey === null) {
    const row = await reader.quarantined(workspace, messageId)
    return { messageId, state: 'dropped', reason: row?.reason ?? 'internal_error', ...times }
  }
  const profileId = await liveProfileId(workspace, claim.identifierKey, reader)
  const loaded = load !== null && load.loadedAt !== null ? { loadedAt: isoTime(load.loadedAt) } : {}
  const state = 'loadedAt' in loaded && 'archivedAt' in archived ? 'loaded' : 'archivedAt' in archived ? 'archived' : 'decided'
  return { messageId, state, ...(profileId === null ? {} : { profileId }), ...times, ...loaded }
}
