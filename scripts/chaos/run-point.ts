import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { failPoints, type FailPoint } from '../../collector/src/platform/fail-point.ts'
import { BatchSender } from '../../collector/test/batch-sender.ts'
import { testKeys } from '../../collector/test/collector-process.ts'
import { killAtRandom } from '../../collector/test/kill-at-random.ts'
import { untilAtRest } from '../../collector/test/read-side.ts'
import { activityOf, type Scene, sendInput } from './activities.ts'
import { chaosInput } from './input.ts'
import type { Verdict } from './hold-against.ts'
import { judge, type Witnesses } from './judge.ts'
import type { KeptRunning } from './kept-running.ts'

export interface Stage extends Witnesses {
  readonly data: string
  readonly running: KeptRunning
  readonly random: () => number
}

export interface PointRun extends Verdict {
  /** What was broken, such as `archive.put=throw@2`, and each process that was killed at random. */
  readonly broken: readonly string[]
  /** Every point that a process passed. */
  readonly passed: readonly string[]
}

const roundsMax = 40
/** What a round sends is in all tiers by then, unless something is broken just now. */
const roundMsMax = 4_000
const killsAtRandom = 6

/** The same input without anything broken: what the others are compared with. */
export async function calmRun(stage: Stage, name: string): Promise<PointRun> {
  return play(stage, { name, arms: [], points: [], kills: 0 }, null)
}

/** Every kind of failure that the points have, each once at a random pass, in the lifetime of one input. */
export async function runPoints(stage: Stage, { points, name, calm }: { readonly points: readonly FailPoint[]; readonly name: string; readonly calm: string }): Promise<PointRun> {
  const arms = points.flatMap((point) => failPoints[point].map((kind) => `${point}=${kind}@${1 + Math.floor(stage.random() * (point === 'oltp.commit' ? 40 : 3))}`))
  return play(stage, { name, arms: shuffled(arms, stage.random), points, kills: 0 }, calm)
}

/** SIGKILL of worker, engine and collector in turn at random moments. */
export async function runKills(stage: Stage, { name, calm }: { readonly name: string; readonly calm: string }): Promise<PointRun> {
  return play(stage, { name, arms: [], points: [], kills: killsAtRandom }, calm)
}

interface Plot {
  readonly name: string
  readonly arms: readonly string[]
  readonly points: readonly FailPoint[]
  readonly kills: number
}

async function play(stage: Stage, plot: Plot, calm: string | null): Promise<PointRun> {
  const { data, running } = stage
  const { name, arms } = plot
  const journal = join(data, `journal-${name}`)
  mkdirSync(journal)
  await running.start({ MILLRACE_FAIL_POINTS: arms.join(','), MILLRACE_FAIL_POINTS_JOURNAL: journal })
  const sender = new BatchSender({ url: () => running.url, writeKey: testKeys.writeKey, connections: 2 })
  const scene: Scene = { data, name, running, sender, stored: new Set(), erased: new Set(), carts: new Set() }
  const killing = plot.kills === 0 ? Promise.resolve([]) : killAtRandom(running.collector, {
    kills: plot.kills, seed: Math.floor(stage.random() * 2 ** 31), pauseMs: [200, 1_200], restart: () => running.restarted(),
  })
  await sendInput(scene, await chaosInput(name))
  const killed = await actUntilFired(scene, plot, { journal, killing })
  sender.close()
  // Some of what can go wrong shows only in the next process.
  await running.stop('SIGKILL')
  await running.start({})
  const verdict = await judge(stage, scene, calm)
  await running.stop('SIGTERM')
  const entries = readdirSync(journal)
  rmSync(journal, { recursive: true })
  const fired = entries.filter((entry) => entry.startsWith('fired-'))
  const unfired = arms.filter((arm) => !fired.includes(`fired-${arm}`))
  return {
    ...verdict, broken: [...fired.map((entry) => entry.slice('fired-'.length)), ...killed], passed: entries.flatMap((entry) => entry.startsWith('passed-') ? [entry.slice('passed-'.length)] : []),
    faults: [...verdict.faults, ...unfired.map((arm) => `${arm} was never passed`)],
  }
}

/** Answers which processes were killed at random. */
async function actUntilFired(scene: Scene, { points, arms, kills }: Plot, { journal, killing }: { journal: string; killing: Promise<readonly string[]> }): Promise<readonly string[]> {
  let allKilled = kills === 0
  void killing.then(() => {
    allKilled = true
  })
  const activities = points.length === 0 ? [activityOf('edge.append')] : [...new Set(points.map(activityOf))]
  for (let round = 0; round < roundsMax; round += 1) {
    for (const activity of activities) await activity(scene, round)
    const fired = readdirSync(journal).filter((entry) => entry.startsWith('fired-')).length
    if (fired === arms.length && allKilled) break
    await untilAtRest(() => scene.running.url, testKeys.secretKey, { accepted: 1, withinMs: roundMsMax }).catch(() => undefined)
  }
  return killing
}

function shuffled<T>(list: readonly T[], random: () => number): readonly T[] {
  return list.map((value) => ({ value, at: random() })).toSorted((a, b) => a.at - b.at).map(({ value }) => value)
}
