import { MillraceError } from '../platform/errors.ts'
import type { ProfileRow } from '../ports/identity.ts'
import type { ProfileReader } from '../ports/profile-reader.ts'
import type { IdentityView } from './identity-view.ts'

/** The query parameters a profile is found by, and the kind of identifier each names. */
export const identifierParameters = Object.freeze({
  externalId: 'external_id', email: 'email', phone: 'phone', anonymousId: 'anonymous_id',
} as const)

export type IdentifierParameter = keyof typeof identifierParameters

/**
 * The live profile an identifier points at. The value is normalised as an event's would be, so any spelling that an
 * event could carry finds the person. Fails with `bad_request` if it can be no identifier, `not_found` if nobody has it.
 */
export async function findProfile(
  request: { readonly workspace: number; readonly parameter: IdentifierParameter; readonly value: string },
  reader: ProfileReader, identity: IdentityView,
): Promise<ProfileRow> {
  const { workspace, parameter, value } = request
  const key = identity.keyOf({ workspace, kind: identifierParameters[parameter], text: value })
  if (key === null) throw new MillraceError('bad_request', `${parameter}: ${JSON.stringify(value)} cannot be an identifier`)
  const profile = await reader.together(async () => {
    const id = await liveProfileId(workspace, key, reader)
    return id === null ? null : reader.profile(workspace, id)
  })
  if (profile === null) throw new MillraceError('not_found', `no profile has this ${parameter}`)
  return profile
}

export async function liveProfileId(workspace: number, key: string, reader: ProfileReader): Promise<string | null> {
  return (await reader.identifier(workspace, key))?.profileId ?? null
}

/** A profile by its id; a merged id answers with the survivor and says so. */
export async function profileById(
  workspace: number, id: string, reader: ProfileReader,
): Promise<{ readonly profile: ProfileRow; readonly mergedFrom?: string }> {
  const row = await reader.profile(workspace, id)
  if (row === null) throw new MillraceError('not_found', 'there is no profile with this id')
  if (row.mergedInto === null) return { profile: row }
  const survivor = await reader.profile(workspace, row.mergedInto)
  if (survivor === null) throw new MillraceError('corrupt', `profile ${id} redirects to ${row.mergedInto}, which is not there`)
  return { profile: survivor, mergedFrom: id }
}
