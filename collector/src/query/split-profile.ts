import { MillraceError } from '../platform/errors.ts'
import type { IdentifierRow } from '../ports/identity.ts'
import type { StatusReader } from '../ports/oltp.ts'
import type { ProfileReader } from '../ports/profile-reader.ts'
import type { VetoControl } from '../ports/record.ts'
import type { IdentityView } from './identity-view.ts'
import { asFields, knownIdentifier, type NamedIdentifier, parseNamed, untilDecided } from './named-identifier.ts'

export interface SplitRequest {
  readonly workspace: number
  readonly a: NamedIdentifier
  /** Absent: everything that joins `a` to others. */
  readonly b?: NamedIdentifier
  /** Lifts the vetoes instead. */
  readonly undo: boolean
}

interface Named {
  readonly kind: string
  readonly value: string
}

export interface SplitReport {
  readonly undone: boolean
  /** Pairs that may not (after an undo: may again) share a profile. */
  readonly vetoes: readonly { readonly a: Named; readonly b: Named }[]
  /** Identifiers that point at another profile now. */
  readonly moved: readonly (Named & { readonly from: string; readonly to: string })[]
  /** The profiles that the named identifiers point at now. */
  readonly profiles: readonly { readonly id: string; readonly identifiers: readonly Named[] }[]
}

export interface SplitDependencies {
  readonly reader: ProfileReader & Pick<StatusReader, 'claimOf'>
  readonly identity: IdentityView
  /** Resolves once the control is durable in the log. */
  readonly writeControl: (workspace: number, control: VetoControl) => Promise<void>
  readonly newId: () => string
  /** Waits for that many milliseconds. */
  readonly pause: (ms: number) => Promise<void>
}

/** One request forbids at most so many pairs. */
const pairsMax = 1_000
const identifiersMax = 2_000

/**
 * Parts what should never have been one person, or takes that back. The veto goes through the log like an event, so
 * that a replay parts the same people; this answers when it is decided. Profiles show it at once, ClickHouse with its next load.
 *
 * Fails with `bad_request` for an identifier that can be none or is unknown, and where nothing joins it (or nothing forbids
 * it); with `unavailable` (retryable) if it is in the log but not decided within 15 seconds.
 */
export async function splitProfile(request: SplitRequest, dependencies: SplitDependencies): Promise<SplitReport> {
  const { workspace, undo } = request
  const a = await knownIdentifier(workspace, request.a, dependencies)
  const b = request.b === undefined ? null : await knownIdentifier(workspace, request.b, dependencies)
  if (b?.key === a.key) throw new MillraceError('bad_request', 'a and b are the same identifier')
  const pairs = b === null ? await pairsOf(a, undo, dependencies) : [sorted(a.key, b.key)]
  if (pairs.length === 0) {
    throw new MillraceError('bad_request', undo ? `no veto names this ${a.kind}` : `nothing joins this ${a.kind} to another identifier`)
  }
  const before = await membersOf(workspace, pairs.flat(), dependencies)
  const ids: string[] = []
  for (const [first, second] of pairs) {
    const messageId = dependencies.newId()
    ids.push(messageId)
    await dependencies.writeControl(workspace, { messageId, control: undo ? 'unveto' : 'veto', a: first, b: second })
  }
  for (const messageId of ids) await untilDecided(workspace, messageId, dependencies)
  const after = await identifiersNow(workspace, [...before.keys()], dependencies)
  return report({ pairs, before, after, undo })
}

/** What an identifier is joined by, or what is forbidden it. */
async function pairsOf(a: IdentifierRow, undo: boolean, { reader }: SplitDependencies): Promise<readonly (readonly [string, string])[]> {
  if (undo) return (await reader.vetoesOf(a.workspace, [a.key], pairsMax)).map((veto) => [veto.a, veto.b])
  const edges = await reader.edgesOf(a.workspace, [a.key], pairsMax)
  return edges.filter(({ state }) => state === 'accepted').map((edge) => sorted(edge.a, edge.b))
}

function sorted(x: string, y: string): readonly [string, string] {
  return x < y ? [x, y] : [y, x]
}

/** Every identifier of the profiles that the keys point at. */
async function membersOf(workspace: number, keys: readonly string[], { reader }: SplitDependencies): Promise<ReadonlyMap<string, IdentifierRow>> {
  const members = new Map<string, IdentifierRow>()
  const profiles = new Set((await reader.identifiers(workspace, [...new Set(keys)])).map(({ profileId }) => profileId))
  for (const id of profiles) {
    for (const row of await reader.identifiersOf(workspace, id, identifiersMax)) members.set(row.key, row)
  }
  return members
}

async function identifiersNow(workspace: number, keys: readonly string[], { reader }: SplitDependencies): Promise<ReadonlyMap<string, IdentifierRow>> {
  return new Map((await reader.identifiers(workspace, keys)).map((row) => [row.key, row]))
}

function report({ pairs, before, after, undo }: {
  readonly pairs: readonly (readonly [string, string])[]
  readonly before: ReadonlyMap<string, IdentifierRow>
  readonly after: ReadonlyMap<string, IdentifierRow>
  readonly undo: boolean
}): SplitReport {
  const touched = new Set(pairs.flatMap((pair) => pair.flatMap((key) => after.get(key)?.profileId ?? [])))
  const rows = [...after.values()]
  return {
    undone: undo,
    vetoes: pairs.map(([a, b]) => ({ a: named(before.get(a)), b: named(before.get(b)) })),
    moved: rows.flatMap((row) => {
      const from = before.get(row.key)?.profileId ?? row.profileId
      return from === row.profileId ? [] : [{ ...named(row), from, to: row.profileId }]
    }),
    profiles: [...touched].map((id) => ({ id, identifiers: rows.filter(({ profileId }) => profileId === id).map(named) })),
  }
}

function named(row: IdentifierRow | undefined): Named {
  return row === undefined ? { kind: 'unknown', value: '' } : { kind: row.kind, value: row.namespace === '' ? row.value : `${row.namespace}/${row.value}` }
}

/** Reads a request's body. Fails with `bad_request` naming the field. */
export function parseSplit(workspace: number, body: unknown): SplitRequest {
  const fields = asFields(body, 'the body')
  const undo = fields.get('undo') ?? false
  if (typeof undo !== 'boolean') throw new MillraceError('bad_request', 'undo must be true or false')
  for (const name of fields.keys()) {
    if (name !== 'a' && name !== 'b' && name !== 'undo') throw new MillraceError('bad_request', `unknown field ${JSON.stringify(name)}; a, b and undo are known`)
  }
  const b = fields.get('b')
  return { workspace, a: parseNamed(fields.get('a'), 'a'), undo, ...(b === undefined ? {} : { b: parseNamed(b, 'b') }) }
}
