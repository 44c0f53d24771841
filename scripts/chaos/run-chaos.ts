import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { failPoints, type FailPoint } from '../../collector/src/platform/fail-point.ts'
import { randomFrom } from '../../collector/test/kill-at-random.ts'
import { WebhookReceiver } from '../../collector/test/webhook-receiver.ts'
import { activityOf, setUpCarts } from './activities.ts'
import { KeptRunning } from './kept-running.ts'
import { calmRun, type PointRun, runKills, runPoints, type Stage } from './run-point.ts'
import { Tiers } from './tiers.ts'

export interface ChaosOptions {
  /** How often each fail-point has each of its kinds of failure. */
  readonly runs: number
  readonly seed: number
  /** The name of one fail-point, several as `erase.*`, or `random kills`; null for all. */
  readonly point: string | null
  readonly print: (line: string) => void
}

/** Points that are broken in the lifetime of one input; none for kills at random. */
type Act = readonly FailPoint[]

const webhookSecret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
const flags = ['--object-delay-ms', '50', '--load-delay-ms', '50', '--object-bytes-max', '65536', '--webhook-allow-private', '--log-level', 'error']

/** Needs a broker, which the embedded log has none of: its own tests break the spool. */
const withoutEmbedded = (point: FailPoint): boolean => point.startsWith('spool.')

/** Points broken in one lifetime at most: more would hide each other. */
const pointsPerAct = 6
const randomKills = 'random kills'

/** Prints the table; answers how many of its rows are wrong. One data directory and one collector after another for all of it. */
export async function runChaos({ runs, seed, point, print }: ChaosOptions): Promise<number> {
  const acts = actsFor(point)
  print(`seed ${seed}`)
  const data = mkdtempSync(join(tmpdir(), 'millrace-chaos-'))
  const receiver = new WebhookReceiver(webhookSecret)
  const running = new KeptRunning(data, flags)
  const stage: Stage = { data, running, receiver, tiers: new Tiers(data), random: randomFrom(seed) }
  try {
    const url = await receiver.start()
    await running.start({})
    await setUpCarts({ running }, { url, secret: webhookSecret })
    await running.stop('SIGTERM')
    return await playAll(stage, acts, { runs, print })
  } finally {
    await running.stop('SIGKILL').catch(() => undefined)
    await receiver.close()
    rmSync(data, { recursive: true, force: true })
  }
}

/** Points that the same activity passes share a lifetime: most of what a failure costs is starting again. */
function actsFor(wanted: string | null): readonly Act[] {
  const all = Object.keys(failPoints).filter(isFailPoint).filter((point) => !withoutEmbedded(point))
    // A rebuild repeats every load there ever was, so it comes while there are few.
    .toSorted((a, b) => Number(b.startsWith('rebuild.')) - Number(a.startsWith('rebuild.')))
  if (wanted === randomKills) return [[]]
  const chosen = all.filter((name) => wanted === null || name === wanted || (wanted.endsWith('*') && name.startsWith(wanted.slice(0, -1))))
  if (chosen.length === 0) throw new Error(`there is no fail-point ${wanted} that the embedded engines pass; there are ${[...all, randomKills].join(', ')}`)
  const byActivity = [...Map.groupBy(chosen, activityOf).values()]
  return [...byActivity.flatMap((points) => Array.from({ length: Math.ceil(points.length / pointsPerAct) }, (_, part) =>
    points.slice(part * pointsPerAct, (part + 1) * pointsPerAct))), ...wanted === null ? [[]] : []]
}

async function playAll(stage: Stage, acts: readonly Act[], { runs, print }: Pick<ChaosOptions, 'runs' | 'print'>): Promise<number> {
  const begin = performance.now()
  const calm = await calmRun(stage, 'calm')
  for (const fault of calm.faults) print(`  without anything broken: ${fault}`)
  print(line('fail-point', ['runs', 'lost', 'doubled']))
  let wrong = calm.faults.length
  let broken = 0
  for (const [index, points] of acts.entries()) {
    const done: PointRun[] = []
    for (let run = 0; run < runs; run += 1) {
      const names = { name: `p${index}r${run}`, calm: 'calm' }
      done.push(points.length === 0 ? await runKills(stage, names) : await runPoints(stage, { ...names, points }))
    }
    const faults = [...done.flatMap((run) => run.faults), ...points.filter((name) => !done.some(({ passed }) => passed.includes(name))).map((name) => `nothing passes ${name}`)]
    broken += printAct(points, done, print)
    for (const fault of faults) print(`  ${fault}`)
    if (faults.length > 0) wrong += Math.max(1, points.length)
  }
  print(`${broken} times broken in ${Math.round((performance.now() - begin) / 1_000)} s; ${wrong === 0 ? 'every invariant holds' : `${wrong} rows are wrong`}`)
  return wrong
}

/** What was lost or doubled in a lifetime stands in the row of every point that was broken in it. */
function printAct(points: Act, done: readonly PointRun[], print: (line: string) => void): number {
  const sum = (of: (run: PointRun) => number): number => done.reduce((total, run) => total + of(run), 0)
  const [lost, doubled] = [sum((run) => run.lost), sum((run) => run.doubled)]
  for (const point of points) print(line(point, [sum(({ broken }) => broken.filter((arm) => arm.startsWith(`${point}=`)).length), lost, doubled]))
  if (points.length === 0) print(line(randomKills, [sum(({ broken }) => broken.length), lost, doubled]))
  return sum(({ broken }) => broken.length)
}

function isFailPoint(name: string): name is FailPoint {
  return Object.hasOwn(failPoints, name)
}

function line(first: string, rest: readonly (string | number)[]): string {
  return first.padEnd(20) + rest.map((cell) => String(cell).padStart(9)).join('')
}
