import { MillraceError } from '../platform/errors.ts'
import type { Cache } from '../ports/cache.ts'
import type { ProfileRow } from '../ports/identity.ts'
import type { StatusReader } from '../ports/oltp.ts'
import type { ProfileReader } from '../ports/profile-reader.ts'
import { erasureModes, type ErasureMode, type EraseControl } from '../ports/record.ts'
import { profileById } from './find-profile.ts'
import type { IdentityView } from './identity-view.ts'
import { cardKey } from './profile-card.ts'
import { knownIdentifier, type NamedIdentifier, untilDecided } from './named-identifier.ts'

export interface EraseRequest {
  readonly workspace: number
  readonly person: NamedIdentifier | { readonly profileId: string }
  /** What becomes of later events with the same identifiers. */
  readonly later: ErasureMode
}

export interface EraseReport {
  /** What was removed from OLTP, archive and OLAP. */
  readonly tiers: unknown
  /** False where a record of the log or the spool still waits to be archived or forwarded; it is dropped then. */
  readonly logIsClear: boolean
}

export interface EraseDependencies {
  readonly reader: ProfileReader & Pick<StatusReader, 'claimOf'>
  readonly identity: IdentityView
  readonly cache: Pick<Cache, 'put'>
  readonly writeControl: (workspace: number, control: EraseControl) => Promise<void>
  /** Removes the person from every store; resolves with what it removed. */
  readonly carryOut: (workspace: number, id: string) => Promise<unknown>
  /** Lets go of what the log holds and does not need; false while it still needs some. */
  readonly trimLog: () => Promise<boolean>
  readonly newId: () => string
  /** Waits for that many milliseconds. */
  readonly pause: (ms: number) => Promise<void>
}

const identifiersMax = 20_000
const trimTries = 100
const trimEveryMs = 200

/**
 * Forgets a person everywhere. The decision goes through the log like an event, so that a replay forgets too; from
 * then on events that name the person are dropped, what the tiers hold is removed, and last the log's own files are
 * let go. A crash in between leaves an erasure that the next start goes on with.
 *
 * Fails with `not_found` where nobody is meant, `unavailable` (retryable) where a tier is away or too far behind.
 */
export async function eraseProfile(request: EraseRequest, dependencies: EraseDependencies): Promise<EraseReport> {
  const { workspace, later } = request
  const { reader, cache, newId } = dependencies
  const profile = await profileMeant(request, dependencies)
  const identifiers = await reader.identifiersOf(workspace, profile.id, identifiersMax)
  const messageId = newId()
  await dependencies.writeControl(workspace, { messageId, control: 'erase', keys: identifiers.map(({ key }) => key), mode: later })
  await untilDecided(workspace, messageId, dependencies)
  const tiers = await dependencies.carryOut(workspace, messageId)
  await cache.put(new Map([[cardKey(profile), { version: Number.MAX_SAFE_INTEGER, value: null }]]))
  return { tiers, logIsClear: await clearLog(dependencies) }
}

async function profileMeant({ workspace, person }: EraseRequest, { reader, identity }: EraseDependencies): Promise<ProfileRow> {
  if ('profileId' in person) return (await profileById(workspace, person.profileId, reader)).profile
  const { profileId } = await knownIdentifier(workspace, person, { reader, identity })
  return (await profileById(workspace, profileId, reader)).profile
}

/** Records that came after the person's may still wait for the archive, in the same piece of the log. */
async function clearLog({ trimLog, pause }: EraseDependencies): Promise<boolean> {
  for (let attempt = 0; attempt < trimTries; attempt += 1) {
    if (await trimLog()) return true
    await pause(trimEveryMs)
  }
  return false
}

/** Reads what is to become of later events. Fails with `bad_request`. */
export function parseLater(text: string | undefined): ErasureMode {
  const mode = erasureModes.find((known) => known === (text ?? 'anew'))
  if (mode === undefined) throw new MillraceError('bad_request', `later must be one of ${erasureModes.join(', ')}: events with an erased identifier are refused, or begin somebody new`)
  return mode
}
