import { setTimeout as sleep } from 'node:timers/promises'
import type { CollectorProcess } from './collector-process.ts'

export interface KillPlan {
  readonly kills: number
  /** Repeats a run. */
  readonly seed: number
  /** Between two kills, milliseconds: least and most. */
  readonly pauseMs: readonly [number, number]
  /** Starts a killed collector again; its own start unless told. */
  readonly restart?: () => Promise<void>
  /** Of the collector, by name; all of the embedded arrangement unless told. */
  readonly processes?: readonly string[]
  /** Who else is killed in turn, by name, and how; resolves when whatever it took down is back. */
  readonly others?: ReadonlyMap<string, () => Promise<void>>
}

const embedded = ['worker', 'engine', 'collector']

/**
 * SIGKILL of each process in turn at random moments; a killed collector is started again at once, as a supervisor
 * would. Answers who was killed when, in milliseconds from the start.
 */
export async function killAtRandom(
  collector: CollectorProcess, { kills, seed, pauseMs: [least, most], restart = () => collector.start(), processes = embedded, others = new Map() }: KillPlan,
): Promise<readonly string[]> {
  const begin = performance.now()
  const random = randomFrom(seed)
  const done: string[] = []
  const victims = [...processes, ...others.keys()]
  while (done.length < kills) {
    await sleep(least + random() * (most - least))
    const victim = victims[done.length % victims.length] ?? 'worker'
    await (others.get(victim)?.() ?? collector.kill(victim))
    done.push(`${victim} at ${Math.round(performance.now() - begin)} ms`)
    if (victim === 'collector') await restart()
  }
  return done
}

/** The linear congruential generator of "Numerical Recipes" (Press et al.): enough to repeat a run by its seed. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
