import type { EdgeRow, IdentifierKind, IdentifierRow } from '../ports/identity.ts'
import type { EvidenceAround, Explanation, Hindrance } from '../query/explanation.ts'
import { graphEdge, graphEnd } from '../query/graph-edge.ts'
import { isoTime } from '../query/profile-card.ts'
import { compareEdges, compareText } from './edge-order.ts'
import { fanOutOf } from './fan-out.ts'
import { firstSeenOf } from './gather-evidence.ts'
import { type IdentitySettings, isOwnBlocked } from './identity-settings.ts'

/** Names on the way that a sentence tells. */
const namesMax = 5

/** Why two identifiers are one person, or two: a function of the evidence, in whatever order it is given. */
export function explain(around: EvidenceAround, settings: IdentitySettings): Explanation {
  const { a, b, identifiers } = around
  const [nameA, nameB] = [nameOf(a), nameOf(b)]
  const samePerson = a.profileId === b.profileId
  if (a.key === b.key) return { samePerson, sentence: `${nameA} is one identifier in two spellings.`, path: [], rejected: null }
  const way = wayBetween(around, samePerson)
  const path = way.map((edge) => graphEdge(edge, identifiers))
  if (samePerson) {
    const why = way.length === 0 ? 'through more evidence than is looked through here' : `${through(way, around)}${way.map((edge) => carried(edge, around)).join('; ')}`
    return { samePerson, sentence: `${nameA} and ${nameB} are one person${way.length === 0 ? ', ' : ''}${why}.`, path, rejected: null }
  }
  const two = `${nameA} and ${nameB} are two people`
  const hindered = way.find(({ state }) => state !== 'accepted')
  if (hindered === undefined) return { samePerson, sentence: `${two}: ${unconnected(around)}.`, path, rejected: null }
  const { hindrance, why } = hindranceOf(hindered, around, settings)
  const others = way.filter(({ state }) => state !== 'accepted').length - 1
  const more = others === 0 ? '' : ` On the way ${others === 1 ? 'one more connection is' : `${others} more connections are`} not accepted.`
  return {
    samePerson, sentence: `${two}: ${carried(hindered, around)}, which would join them, but ${why}.${more}`,
    path, rejected: { ...graphEdge(hindered, identifiers), hindrance },
  }
}

/**
 * A way from the one to the other over as few edges that are not accepted as possible, of those a short one, strong and
 * early edges first; empty if there is none.
 */
function wayBetween({ a, b, edges }: EvidenceAround, acceptedOnly: boolean): readonly EdgeRow[] {
  const edgesOf = new Map<string, EdgeRow[]>()
  for (const edge of edges.toSorted(compareEdges)) {
    if (acceptedOnly && edge.state !== 'accepted') continue
    for (const end of [edge.a, edge.b]) {
      const list = edgesOf.get(end)
      if (list === undefined) edgesOf.set(end, [edge])
      else list.push(edge)
    }
  }
  const cameBy = new Map<string, EdgeRow | null>([[a.key, null]])
  const step = (from: string, isAccepted: boolean, reached: string[]): void => {
    for (const edge of edgesOf.get(from) ?? []) {
      const to = edge.a === from ? edge.b : edge.a
      if ((edge.state === 'accepted') !== isAccepted || cameBy.has(to)) continue
      cameBy.set(to, edge)
      reached.push(to)
    }
  }
  for (let reached = [a.key]; reached.length > 0 && !cameBy.has(b.key);) {
    // The list grows while it is walked: breadth first.
    for (const key of reached) step(key, true, reached)
    const beyond: string[] = []
    for (const key of reached) step(key, false, beyond)
    reached = beyond
  }
  return backFrom(b.key, cameBy)
}

function backFrom(end: string, cameBy: ReadonlyMap<string, EdgeRow | null>): readonly EdgeRow[] {
  const way: EdgeRow[] = []
  let key = end
  for (let edge = cameBy.get(key); edge !== null && edge !== undefined; edge = cameBy.get(key)) {
    way.push(edge)
    key = edge.a === key ? edge.b : edge.a
  }
  return way.reverse()
}

/** ` through phone "+44…": `, or `: ` where one event carried both. */
function through(way: readonly EdgeRow[], { a, identifiers }: EvidenceAround): string {
  let key = a.key
  const between = way.slice(0, -1).map((edge) => {
    key = edge.a === key ? edge.b : edge.a
    return nameOf(identifiers.get(key))
  })
  if (between.length === 0) return ': '
  const rest = between.length - namesMax
  return ` through ${between.slice(0, namesMax).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}: `
}

/** What made an edge, in words. */
function carried(edge: EdgeRow, { identifiers }: EvidenceAround): string {
  const [a, b] = [nameOf(identifiers.get(edge.a)), nameOf(identifiers.get(edge.b))]
  if (edge.rank < 0) return `an operator joined ${a} and ${b}`
  const { cause: { messageId, metric }, count } = edge
  const first = count > 1 ? `, the first of ${count}` : ''
  return `event ${JSON.stringify(messageId)} (${metric}, ${isoTime(firstSeenOf(edge))}${first}) carried both ${a} and ${b}`
}

function hindranceOf(edge: EdgeRow, { identifiers, vetoes }: EvidenceAround, settings: IdentitySettings): { readonly hindrance: Hindrance; readonly why: string } {
  const { witness } = edge
  const row = (key: string): IdentifierRow | undefined => identifiers.get(key)
  if (witness !== null) {
    const ends = { a: graphEnd(row(witness.a)), b: graphEnd(row(witness.b)) }
    const both = `${nameOf(row(witness.a))} and ${nameOf(row(witness.b))}`
    const { kind } = witness
    if (witness.rule === 'limit' && kind !== undefined) {
      return { hindrance: { rule: 'limit', kind, ...ends }, why: `one person would have ${both}, and has at most ${settings.limits[kind]} ${labelOf(kind)}${bySettings(settings)}` }
    }
    const veto = vetoes.find(({ a, b }) => (a === witness.a && b === witness.b) || (a === witness.b && b === witness.a))
    return { hindrance: { rule: 'veto', ...ends }, why: `an operator parted ${both}${veto === undefined ? '' : ` on ${isoTime(veto.createdAt)}`}` }
  }
  const ends = { a: graphEnd(row(edge.a)), b: graphEnd(row(edge.b)) }
  const blocked = [row(edge.a), row(edge.b)].find((end) => end !== undefined && isOwnBlocked(end, settings))
  if (blocked !== undefined) return { hindrance: { rule: 'blocked', ...ends }, why: `version ${settings.version} of the settings blocks ${nameOf(blocked)}` }
  const shared = [row(edge.a), row(edge.b)].find((end) => end?.fanOut === true)
  if (shared !== undefined) {
    const reason = fanOutOf(shared, settings)
    const many = reason === null || reason.isStronger ? `${settings.fanOutMax} identifiers of one stronger kind` : `${reason.max} of one kind (${labelOf(reason.kind)})`
    return { hindrance: { rule: 'fan_out', ...ends }, why: `${nameOf(shared)} came with more than ${many} and identifies nobody${bySettings(settings)}` }
  }
  return { hindrance: { rule: 'degree', ...ends }, why: `of so many identifiers that came with one of the two only the first ${settings.degreeMax} count${bySettings(settings)}` }
}

/** Where the workspace has rules of its own, which of its versions says so. */
function bySettings({ version }: IdentitySettings): string {
  return version === 0 ? '' : ` by version ${version} of the settings`
}

function unconnected({ a, b, identifiers, vetoes, isWhole }: EvidenceAround): string {
  const sides = ({ a: one, b: other }: { readonly a: string; readonly b: string }): readonly (string | undefined)[] =>
    [identifiers.get(one)?.profileId, identifiers.get(other)?.profileId]
  const [veto] = vetoes.filter((pair) => sides(pair).includes(a.profileId) && sides(pair).includes(b.profileId))
    .toSorted((x, y) => x.createdAt - y.createdAt || compareText(x.a + x.b, y.a + y.b))
  const evidence = isWhole ? 'no event connects them, directly or through others' : 'nothing connects them within the evidence that is looked through'
  if (veto === undefined) return evidence
  return `${evidence}, and an operator parted ${nameOf(identifiers.get(veto.a))} and ${nameOf(identifiers.get(veto.b))} on ${isoTime(veto.createdAt)}`
}

function nameOf(row: IdentifierRow | undefined): string {
  if (row === undefined) return 'an identifier that is gone'
  return `${labelOf(row.kind)} ${JSON.stringify(row.namespace === '' ? row.value : `${row.namespace}/${row.value}`)}`
}

function labelOf(kind: IdentifierKind): string {
  return kind.replaceAll('_', ' ')
}
