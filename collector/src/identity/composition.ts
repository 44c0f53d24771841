import { type Composition, type IdentifierKind, identifierKinds, type IdentifierRow } from '../ports/identity.ts'
import { anchorsBefore } from './solve.ts'

const accounts = 'external_id'
const kinds = new Map<string, IdentifierKind>(identifierKinds.map((kind) => [kind, kind]))

/** What a limit counts together: identifiers of a kind, of external ids those of one namespace. */
export function limitedAs({ kind, namespace }: Pick<IdentifierRow, 'kind' | 'namespace'>): string {
  return kind === accounts ? `${kind}:${namespace}` : kind
}

/** Whether so many of each are within the limits of one profile. */
export function isWithin(counts: Composition['counts'], limits: Readonly<Record<IdentifierKind, number>>): boolean {
  for (const what in counts) if ((counts[what] ?? 0) > limitOf(what, limits)) return false
  return true
}

/** The limit on what {@link limitedAs} names. */
export function limitOf(what: string, limits: Readonly<Record<IdentifierKind, number>>): number {
  return limits[kinds.get(what) ?? accounts]
}

/** Of a profile with these identifiers, all that is connected. */
export function compositionOf(members: readonly IdentifierRow[], anchor: Composition['anchor'], settings: number): Composition {
  const counts: Record<string, number> = {}
  for (const member of members) addCount(counts, limitedAs(member), 1)
  return { anchor: anchorOf(anchor), counts, settings }
}

export function sumOfCounts(parts: readonly Pick<Composition, 'counts'>[]): Composition['counts'] {
  const [only] = parts
  if (only !== undefined && parts.length === 1) return only.counts
  const sum: Record<string, number> = {}
  for (const { counts } of parts) for (const what in counts) addCount(sum, what, counts[what] ?? 0)
  return sum
}

function addCount(counts: Record<string, number>, what: string, count: number): void {
  counts[what] = (counts[what] ?? 0) + count
}

export function anchorOf({ key, kind, firstReceivedAt }: Composition['anchor']): Composition['anchor'] {
  return { key, kind, firstReceivedAt }
}

export function isSameComposition(x: Composition | null, y: Composition | null): boolean {
  if (x === null || y === null) return x === y
  if (x.settings !== y.settings || anchorsBefore(x.anchor, y.anchor) || anchorsBefore(y.anchor, x.anchor)) return false
  const [ofX, ofY] = [Object.entries(x.counts), new Map(Object.entries(y.counts))]
  return ofX.length === ofY.size && ofX.every(([what, count]) => ofY.get(what) === count)
}
