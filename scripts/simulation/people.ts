import type { MemoryIdentity } from '../../collector/test/memory-identity.ts'
import type { OltpTables } from './oltp-tables.ts'

/** Who there is, and what is known of them, has to be what an undisturbed process makes of the same events. */
export function checkPeople(expected: OltpTables, found: OltpTables, wrong: (what: string) => void): void {
  const compare = (what: string, mine: ReadonlyMap<string, string>, theirs: ReadonlyMap<string, string>): void => {
    for (const [key, value] of theirs) if (mine.get(key) !== value) wrong(`${what} ${key} is ${mine.get(key)}, undisturbed it is ${value}`)
    for (const key of mine.keys()) if (!theirs.has(key)) wrong(`${what} ${key} is only here`)
  }
  compare('identifier', identifiersOf(found.identity), identifiersOf(expected.identity))
  compare('edge', edgesOf(found.identity), edgesOf(expected.identity))
  compare('registers of', found.registers, expected.registers)
  compare('consent', textsOf(found.consents), textsOf(expected.consents))
  compare('metric', textsOf(found.metrics), textsOf(expected.metrics))
  compare('timeline', textsOf(found.timeline), textsOf(expected.timeline))
  checkPointers(found.identity, wrong)
}

/** Each identifier points at one live profile of its workspace, and redirects have length one. */
function checkPointers({ identifierRows, profileRows }: MemoryIdentity, wrong: (what: string) => void): void {
  for (const { key, workspace, profileId } of identifierRows.values()) {
    const profile = profileRows.get(profileId)
    if (profile === undefined || profile.mergedInto !== null) wrong(`identifier ${key} points at no live profile`)
    if (profile !== undefined && profile.workspace !== workspace) wrong(`identifier ${key} points into another workspace`)
  }
  for (const { id, workspace, mergedInto } of profileRows.values()) {
    const survivor = mergedInto === null ? undefined : profileRows.get(mergedInto)
    if (mergedInto !== null && survivor?.mergedInto !== null) wrong(`profile ${id} redirects to one that is not live`)
    if (survivor !== undefined && survivor.workspace !== workspace) wrong(`profile ${id} redirects into another workspace`)
  }
}

function identifiersOf({ identifierRows }: MemoryIdentity): ReadonlyMap<string, string> {
  return new Map([...identifierRows].map(([key, { workspace, kind, value, profileId, component, firstReceivedAt, firstSeen, neighbours, fanOut }]) => {
    const sorted = Object.entries(neighbours).toSorted(([a], [b]) => (a < b ? -1 : 1))
    return [key, JSON.stringify([workspace, kind, value, profileId, component, firstReceivedAt, firstSeen, sorted, fanOut])]
  }))
}

function edgesOf({ edgeRows }: MemoryIdentity): ReadonlyMap<string, string> {
  return new Map([...edgeRows].map(([id, { workspace, rank, firstSeenSecret, firstSeenPublic, lastSeen, count, state }]) =>
    [id, JSON.stringify([workspace, rank, firstSeenSecret, firstSeenPublic, lastSeen, count, state])]))
}

function textsOf(rows: ReadonlyMap<string, unknown>): ReadonlyMap<string, string> {
  return new Map([...rows].map(([key, row]) => [key, JSON.stringify(row)]))
}
