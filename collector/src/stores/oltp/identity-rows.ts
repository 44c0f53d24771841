import { MillraceError } from '../../platform/errors.ts'
import { uuidText } from '../../platform/uuid.ts'
import {
  type Composition, type DecidedPointing, type EdgeRow, type EdgeState, type IdentifierKind, type IdentifierRow, type IdentityOverride, identifierKinds, type MergeRow,
  type ProfileRow, type VetoRow, type Witness,
} from '../../ports/identity.ts'
import { bytesOf, numberOf, numberOrNull, type Row, textOf, textOrNull } from './row.ts'

function uuidOf(row: Row, column: string): string {
  return uuidText(bytesOf(row, column))
}

export function identifierRow(row: Row): IdentifierRow {
  return {
    workspace: numberOf(row, 'workspace'), key: uuidOf(row, 'identifier_key'), kind: kindOf(textOf(row, 'kind')),
    namespace: textOf(row, 'namespace'), value: textOf(row, 'value'), profileId: uuidOf(row, 'profile_id'),
    component: uuidOf(row, 'component'), firstReceivedAt: numberOf(row, 'first_received_at'), firstSeen: numberOf(row, 'first_seen'),
    version: numberOf(row, 'version'), fanOut: numberOf(row, 'fan_out') === 1,
    neighbours: byKind(textOf(row, 'neighbours'), isNumber), degreeCutoffs: byKind(textOf(row, 'degree_cutoffs'), isText),
  }
}

export function edgeRow(row: Row): EdgeRow {
  return {
    workspace: numberOf(row, 'workspace'), a: uuidOf(row, 'a'), b: uuidOf(row, 'b'), rank: numberOf(row, 'rank'),
    firstSeenSecret: numberOrNull(row, 'first_seen_secret'), firstSeenPublic: numberOrNull(row, 'first_seen_public'),
    lastSeen: numberOf(row, 'last_seen'), count: numberOf(row, 'count'),
    cause: { messageId: textOf(row, 'cause_message_id'), metric: textOf(row, 'cause_metric') },
    state: stateOf(textOf(row, 'state')), witness: witnessOf(textOrNull(row, 'witness')),
  }
}

export function profileRow(row: Row): ProfileRow {
  return {
    workspace: numberOf(row, 'workspace'), id: uuidOf(row, 'profile_id'), version: numberOf(row, 'version'),
    createdAt: numberOf(row, 'created_at'), mergedInto: row.merged_into === null ? null : uuidOf(row, 'merged_into'),
    composition: compositionFrom(textOrNull(row, 'composition')),
  }
}

/** As {@link profileRow} reads it. */
export function compositionText(composition: Composition | null): string | null {
  if (composition === null) return null
  const { anchor: { key, kind, firstReceivedAt }, counts, settings } = composition
  return JSON.stringify([key, kind, firstReceivedAt, counts, settings])
}

function compositionFrom(text: string | null): Composition | null {
  if (text === null) return null
  const parsed: unknown = JSON.parse(text)
  if (!Array.isArray(parsed)) throw new MillraceError('corrupt', 'a profile has an unreadable composition')
  const [key, kind, firstReceivedAt, counts, settings]: unknown[] = parsed
  if (typeof key !== 'string' || typeof kind !== 'string' || typeof firstReceivedAt !== 'number' || typeof settings !== 'number') throw new MillraceError('corrupt', 'a profile has an unreadable composition')
  const numbers = Object.entries(Object(counts)).filter((entry): entry is [string, number] => isNumber(entry[1]))
  return { anchor: { key, kind: kindOf(kind), firstReceivedAt }, counts: Object.fromEntries(numbers), settings }
}

export function vetoRow(row: Row): VetoRow {
  return { workspace: numberOf(row, 'workspace'), a: uuidOf(row, 'a'), b: uuidOf(row, 'b'), createdAt: numberOf(row, 'created_at') }
}

export function mergeRow(row: Row): MergeRow {
  return {
    workspace: numberOf(row, 'workspace'), fromProfile: uuidOf(row, 'from_profile'), toProfile: uuidOf(row, 'to_profile'),
    identifierKeys: textOf(row, 'identifier_keys').split(','),
    cause: { messageId: textOf(row, 'cause_message_id'), metric: textOf(row, 'cause_metric') }, at: numberOf(row, 'at'),
  }
}

export function overrideRow(row: Row): IdentityOverride {
  return {
    workspace: numberOf(row, 'workspace'), identifierKey: uuidOf(row, 'identifier_key'),
    profileId: uuidOf(row, 'profile_id'), version: numberOf(row, 'version'),
  }
}

export function decidedPointing(row: Row): DecidedPointing {
  return { ...overrideRow(row), partition: numberOf(row, 'partition'), batch: numberOf(row, 'batch') }
}

function kindOf(text: string): IdentifierKind {
  const kind = identifierKinds.find((known) => known === text)
  if (kind === undefined) throw new MillraceError('corrupt', `unknown identifier kind ${JSON.stringify(text)}`)
  return kind
}

function stateOf(text: string): EdgeState {
  if (text === 'accepted' || text === 'rejected' || text === 'inert') return text
  throw new MillraceError('corrupt', `unknown edge state ${JSON.stringify(text)}`)
}

function witnessOf(text: string | null): Witness | null {
  if (text === null) return null
  const parsed: unknown = JSON.parse(text)
  if (typeof parsed === 'object' && parsed !== null && 'rule' in parsed && 'a' in parsed && 'b' in parsed &&
    typeof parsed.a === 'string' && typeof parsed.b === 'string' && (parsed.rule === 'limit' || parsed.rule === 'veto')) {
    const kind = 'kind' in parsed && typeof parsed.kind === 'string' ? { kind: kindOf(parsed.kind) } : {}
    return { rule: parsed.rule, a: parsed.a, b: parsed.b, ...kind }
  }
  throw new MillraceError('corrupt', 'an edge has an unreadable witness')
}

function byKind<T>(text: string, is: (value: unknown) => value is T): Partial<Record<IdentifierKind, T>> {
  const result: Partial<Record<IdentifierKind, T>> = {}
  if (text === '{}') return result
  for (const [kind, value] of Object.entries(Object(JSON.parse(text)))) {
    if (is(value)) result[kindOf(kind)] = value
  }
  return result
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number'
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}
