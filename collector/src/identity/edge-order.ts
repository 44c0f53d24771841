import type { EdgeRow } from '../ports/identity.ts'

/** What the order of edges hangs on. */
export type Ordered = Pick<EdgeRow, 'a' | 'b' | 'rank' | 'firstSeenSecret' | 'firstSeenPublic'>

/**
 * The total order edges are tried in: an operator's first, then evidence of secret keys, then trust (the weaker end's
 * rank), then the earliest time, then the keys. Nothing in it depends on when an edge arrived.
 */
export function compareEdges(x: Ordered, y: Ordered): number {
  return weightOf(x) - weightOf(y) || timeOf(x) - timeOf(y) || compareKeys(x, y)
}

/** What comes before time, as one number: operator or secret key or neither, then rank, of which there are fewer than 16. */
export function weightOf(edge: Ordered): number {
  return level(edge) * 16 + edge.rank
}

function level(edge: Ordered): number {
  if (edge.rank < 0) return 0
  return edge.firstSeenSecret === null ? 2 : 1
}

/** Least event time of the strongest evidence there is, epoch milliseconds. */
export function timeOf(edge: Ordered): number {
  return edge.firstSeenSecret ?? edge.firstSeenPublic ?? 0
}

function compareKeys(x: Ordered, y: Ordered): number {
  return compareText(least(x), least(y)) || compareText(greatest(x), greatest(y))
}

function least({ a, b }: Ordered): string {
  return a < b ? a : b
}

function greatest({ a, b }: Ordered): string {
  return a < b ? b : a
}

/** Compares by code unit, which for hexadecimal keys is by byte; never by locale. */
export function compareText(x: string, y: string): number {
  if (x === y) return 0
  return x < y ? -1 : 1
}

/** Keeps times before 1970 in order as digits: the least time JavaScript has is -8.64e15 milliseconds. */
const timeOffset = 8.64e15

/** The order among edges of one rank as text, kept where a degree bound cuts: an edge is live up to the cutoff. */
export function orderKey(edge: Ordered): string {
  const time = Math.trunc(timeOf(edge) + timeOffset).toString().padStart(17, '0')
  return `${level(edge)}${time}${least(edge)}${greatest(edge)}`
}
