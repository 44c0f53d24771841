import { type FailKind, failPoints, type FailPoint } from '../../collector/src/platform/fail-point.ts'
import { activityOf } from './activities.ts'
import type { Arm } from './play.ts'

/** `all` of a point's kinds of failure; only those that end processes; or of each point one, as the seed has it. */
export type Kinds = 'all' | 'kills' | 'one'

export interface PlanOptions {
  /** How often everything is broken. */
  readonly runs: number
  /** How often in each lifetime, one after the other. */
  readonly times: number
  /** The name of one fail-point, several as `erase.*`, or `random kills`; null for all. */
  readonly point: string | null
  readonly kinds: Kinds
  /** Whether the disk can lose its power. */
  readonly power: boolean
  /** Points that nothing passes with the engines that are used. */
  readonly without: readonly FailPoint[]
  /** The log is a broker, with a spool in front of it. */
  readonly spooling: boolean
  readonly randomOf: (lifetime: string) => () => number
}

/** One input and what is broken while it is there; no arms for kills at random. */
export interface Lifetime {
  /** Lower-case letters and digits: it stands in the identifiers. */
  readonly name: string
  readonly arms: readonly Arm[]
  readonly kills: number
}

export const randomKills = 'random kills'

/** Points broken in one lifetime at most: more would hide each other. */
const pointsMax = 6
const killsAtRandom = 8
const deadly: ReadonlySet<FailKind> = new Set(['kill-before', 'kill-after', 'torn-write', 'power-loss-before', 'power-loss-after'])

/** What takes long each time, the longer the more there is, is not repeated as often. */
function timesOf(point: FailPoint, times: number): number {
  return point.startsWith('rebuild.') ? Math.min(times, 2) : point.startsWith('erase.') ? Math.min(times, 4) : times
}

/** Points that the same activity passes share a lifetime: most of what a failure costs is starting again. */
export function planOf(options: PlanOptions): readonly Lifetime[] {
  const { runs, point: wanted } = options
  const groups = wanted === randomKills ? [] : groupsOf(options)
  const withKills = wanted === null || wanted === randomKills
  return Array.from({ length: runs }, (_, run) => [
    ...groups.map((points, group): Lifetime => {
      const name = `r${run}g${group}`
      return { name, arms: armsOf(points, options, options.randomOf(name)), kills: 0 }
    }),
    ...withKills ? [{ name: `r${run}k`, arms: [], kills: killsAtRandom * options.times }] : [],
  ]).flat()
}

function groupsOf({ point: wanted, without, spooling, kinds }: PlanOptions): readonly (readonly FailPoint[])[] {
  const all = Object.keys(failPoints).filter(isFailPoint).filter((point) => !without.includes(point))
    // A rebuild repeats every load there ever was, so it comes while there are few.
    .toSorted((a, b) => Number(b.startsWith('rebuild.')) - Number(a.startsWith('rebuild.')))
  const chosen = all.filter((name) => wanted === null || name === wanted || (wanted.endsWith('*') && name.startsWith(wanted.slice(0, -1))))
  if (chosen.length === 0) throw new Error(`there is no fail-point ${wanted} that these engines pass; there are ${[...all, randomKills].join(', ')}`)
  const most = kinds === 'one' ? 2 * pointsMax : pointsMax
  return [...Map.groupBy(chosen, (point) => activityOf(point, spooling)).values()].flatMap((points) => Array.from({ length: Math.ceil(points.length / most) }, (_, part) =>
    points.slice(part * most, (part + 1) * most)))
}

function armsOf(points: readonly FailPoint[], { kinds, power, times }: PlanOptions, random: () => number): readonly Arm[] {
  return points.flatMap((point) => {
    const known: readonly FailKind[] = failPoints[point]
    const possible = known.filter((kind) => (power || !kind.startsWith('power-loss')) && (kinds !== 'kills' || deadly.has(kind)))
    const chosen = kinds === 'one' ? possible.slice(Math.floor(random() * possible.length)).slice(0, 1) : possible
    return Array.from({ length: timesOf(point, times) }, (_, copy) => chosen.map((kind) => ({ point, kind, copy }))).flat()
  })
}

function isFailPoint(name: string): name is FailPoint {
  return Object.hasOwn(failPoints, name)
}
