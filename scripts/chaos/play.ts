import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { FailKind, FailPoint } from '../../collector/src/platform/fail-point.ts'
import { BatchSender } from '../../collector/test/batch-sender.ts'
import { testKeys } from '../../collector/test/collector-process.ts'
import { killAtRandom } from '../../collector/test/kill-at-random.ts'
import { untilAtRest } from '../../collector/test/read-side.ts'
import { activityOf, type Namesakes, type Scene, sendInput, sendToNamesakes } from './activities.ts'
import type { LossyDisk } from './disk/lossy-disk.ts'
import type { ChaosEngines } from './engines.ts'
import { chaosInput } from './input.ts'
import type { Verdict } from './hold-against.ts'
import { judge, type Witnesses } from './judge.ts'
import type { KeptRunning } from './kept-running.ts'

export interface Stage extends Witnesses {
  readonly data: string
  /** For whatever must outlive a power loss: the journals of fail-points, files to import. */
  readonly files: string
  readonly running: KeptRunning
  readonly disk: LossyDisk | null
  readonly engines: ChaosEngines
  readonly namesakes: Namesakes
}

/** One thing to break: a point and how, or a process to kill at random. */
export interface Arm {
  readonly point: FailPoint
  readonly kind: FailKind
  /** Which of several that are alike. */
  readonly copy: number
}

/** What happens to one input, between a start of the collector and the judgement. */
export interface Plot {
  /** Stands in every identifier and message id. */
  readonly name: string
  readonly arms: readonly Arm[]
  /** Kills at random moments. */
  readonly kills: number
  readonly random: () => number
}

export interface PlotOutcome extends Verdict {
  /** What was broken, such as `archive.put=throw@2`, and each process that was killed at random. */
  readonly broken: readonly string[]
  /** Every point that a process passed. */
  readonly passed: readonly string[]
}

/** For each that is armed alike. */
const roundsMax = 40
/** What a round sends is in all tiers by then, unless something is broken just now. */
const roundMsMax = 4_000
const passesMax = 3
/** The first, which hold lines of the sample. */
const namesakeBodies = 3
/** Transactions are many, so that not always the first few are broken; a process that imports passes its cursor once. */
const passesMaxOf: Partial<Record<FailPoint, number>> = { 'oltp.begin': 40, 'oltp.commit': 40, 'import.cursor': 1, 'rebuild.profiles': 1 }

/** `calm` is the name of an input of a run without anything broken, with which this one is compared. */
export async function play(stage: Stage, plot: Plot, calm: string | null): Promise<PlotOutcome> {
  const { data, files, running, disk, engines } = stage
  const { name, random } = plot
  const arms = plot.arms.map(({ point, kind, copy }) => `${point}=${kind}@${1 + Math.floor(random() * (passesMaxOf[point] ?? passesMax))}${copy === 0 ? '' : `#${copy}`}`)
  const journal = join(files, `journal-${name}`)
  mkdirSync(journal)
  await running.start({
    MILLRACE_FAIL_POINTS: shuffled(arms, random).join(','), MILLRACE_FAIL_POINTS_JOURNAL: journal, ...disk === null ? {} : { MILLRACE_FAIL_POINTS_POWER: disk.powerSwitch },
  })
  const sender = new BatchSender({ url: () => running.url, writeKey: testKeys.writeKey, connections: 2 })
  const scene: Scene = { data, files, name, running, sender, way: engines.way, namesakes: stage.namesakes, stored: new Set(), erased: new Set(), carts: new Set() }
  const killing = plot.kills === 0 ? Promise.resolve([]) : killAtRandom(running.collector, {
    kills: plot.kills, seed: Math.floor(random() * 2 ** 31), pauseMs: [200, 1_200], restart: () => running.restarted(), processes: engines.processes, others: otherVictims(stage),
  })
  const input = await chaosInput(name)
  await sendInput(scene, input)
  await sendToNamesakes(scene, input.bodies.slice(0, namesakeBodies))
  const killed = await actUntilFired(scene, plot, { journal, killing, armed: arms.length })
  sender.close()
  // Some of what can go wrong shows only in the next process, or on what a disk kept.
  await running.stop(disk === null ? 'SIGKILL' : 'power loss')
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

function otherVictims({ disk, running, engines }: Stage): ReadonlyMap<string, () => Promise<void>> {
  if (disk === null) return engines.victims
  return new Map([...engines.victims, ['power', async () => {
    disk.cut()
    await running.restarted()
  }]])
}

interface Progress {
  readonly journal: string
  readonly killing: Promise<readonly string[]>
  readonly armed: number
}

/** Answers which processes were killed at random. */
async function actUntilFired(scene: Scene, { arms, kills }: Plot, { journal, killing, armed }: Progress): Promise<readonly string[]> {
  let allKilled = kills === 0
  void killing.then(() => {
    allKilled = true
  })
  const points = arms.length === 0 ? ['edge.append' as const] : arms.map(({ point }) => point)
  const activities = new Set(points.map((point) => activityOf(point, scene.way !== null)))
  const copies = 1 + Math.max(0, ...arms.map(({ copy }) => copy))
  for (let round = 0; round < roundsMax * copies; round += 1) {
    for (const activity of activities) await activity(scene, round)
    const fired = readdirSync(journal).filter((entry) => entry.startsWith('fired-')).length
    if (fired === armed && allKilled) break
    await untilAtRest(() => scene.running.url, testKeys.secretKey, { accepted: 1, withinMs: roundMsMax }).catch(() => undefined)
  }
  return killing
}

function shuffled<T>(list: readonly T[], random: () => number): readonly T[] {
  return list.map((value) => ({ value, at: random() })).toSorted((a, b) => a.at - b.at).map(({ value }) => value)
}
