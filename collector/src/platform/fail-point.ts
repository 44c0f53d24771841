import { existsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MillraceError } from './errors.ts'

/**
 * What can go wrong around a step. `kill-before` and `kill-after` end the process by SIGKILL, `torn-write` in the middle of what it
 * writes; `power-loss-before` and `power-loss-after` take the disk from all processes, with everything that was not synced; `throw` fails
 * the step before it is done, `outcome-unknown` after it was done; `hang` stops the whole process for {@link hangMs}; `twice` does it twice.
 */
export type FailKind = 'kill-before' | 'kill-after' | 'torn-write' | 'power-loss-before' | 'power-loss-after' | 'throw' | 'outcome-unknown' | 'hang' | 'twice'

const place: readonly FailKind[] = ['kill-before', 'hang', 'power-loss-before']
const step: readonly FailKind[] = [...place, 'kill-after', 'power-loss-after', 'throw', 'outcome-unknown']
const repeatable: readonly FailKind[] = [...step, 'twice']
/** Steps that write bytes of a file themselves. */
const write: readonly FailKind[] = [...step, 'torn-write']

/** Every fail-point there is, in the order in which an event meets them, with what can be made to go wrong at it. */
export const failPoints = Object.freeze({
  'edge.append': repeatable,
  'edge.answer': place,
  'import.append': repeatable,
  'import.cursor': place,
  'spool.append': step,
  'spool.forward': repeatable,
  'spool.acknowledge': repeatable,
  'log.write': write,
  'log.sync': step,
  'log.mark': place,
  'oltp.begin': place,
  'decide.work': step,
  'oltp.commit': step,
  'settings.resolve': step,
  'archive.plan': step,
  'archive.put': repeatable,
  'object.write': write,
  'object.name': place,
  'archive.finish': repeatable,
  'log.acknowledge': repeatable,
  'log.retention': place,
  'load.plan': step,
  'load.identity': repeatable,
  'load.insert': repeatable,
  'load.finish': repeatable,
  'cache.put': repeatable,
  'automation.take': step,
  'automation.judge': step,
  'webhook.lease': step,
  'webhook.post': repeatable,
  'webhook.finish': step,
  'rebuild.fill': step,
  'rebuild.swap': repeatable,
  'rebuild.drop': repeatable,
  'rebuild.profiles': step,
  'erase.collect': repeatable,
  'erase.put': repeatable,
  'erase.replace': step,
  'erase.delete': repeatable,
  'erase.olap': repeatable,
  'erase.scrub': repeatable,
  'erase.finish': repeatable,
} satisfies Record<string, readonly FailKind[]>)

export type FailPoint = keyof typeof failPoints

/** How long `hang` stops the process: longer than any poll, shorter than any lease or time limit. */
const hangMs = 1_000

interface Arm {
  readonly point: FailPoint
  readonly kind: FailKind
  /** Fires at this pass of the point in its process, or the first one after it. */
  readonly pass: number
  /** Its file in the journal; there once it has fired, in whatever process. */
  readonly fired: string
}

/** Null outside of tests, so that a step costs one read. */
let armed: ArmedFailPoints | null = null

/** Does one step between two durable states. `half` does a part of it only, where the point can tear a write. */
export function failStep<T>(point: FailPoint, work: () => Promise<T>, half?: () => Promise<unknown>): Promise<T> {
  return armed === null ? work() : armed.step(point, work, half)
}

/** As {@link failStep}, for a moment in code that cannot wait. */
export function failPlace(point: FailPoint): void {
  if (armed !== null) armed.place(point)
}

/**
 * Arms what MILLRACE_FAIL_POINTS says, such as `archive.put=kill-before@2,load.insert=twice@1`: each fires once, at that
 * pass of its point; `#1` and other numbers behind it tell arms apart that are alike. MILLRACE_FAIL_POINTS_JOURNAL names a directory, as only a test has one, in which every process leaves a file
 * for each point it passed and for each that fired. MILLRACE_FAIL_POINTS_POWER names the switch of a disk that can lose its power, which
 * the kinds that take it need. Fails with `bad_config` where something is given without the other, or unreadable.
 */
export function armFailPoints(env: Readonly<Record<string, string | undefined>>): void {
  const text = env['MILLRACE_FAIL_POINTS']
  const journal = env['MILLRACE_FAIL_POINTS_JOURNAL']
  armed = null
  if (text === undefined && journal === undefined) return
  if (text === undefined || journal === undefined || !statSync(journal, { throwIfNoEntry: false })?.isDirectory()) {
    throw new MillraceError('bad_config', 'MILLRACE_FAIL_POINTS breaks this process on purpose; only a test may set it, and names a directory in MILLRACE_FAIL_POINTS_JOURNAL with it')
  }
  const arms = text.split(',').filter((part) => part !== '').map((part) => armOf(part, journal))
  const power = env['MILLRACE_FAIL_POINTS_POWER'] ?? null
  if (power === null && arms.some(({ kind }) => kind.startsWith('power-loss'))) {
    throw new MillraceError('bad_config', 'MILLRACE_FAIL_POINTS takes the power only of a disk whose switch MILLRACE_FAIL_POINTS_POWER names')
  }
  armed = new ArmedFailPoints(arms, { journal, power })
}

function armOf(text: string, journal: string): Arm {
  const [, name = '', wanted = '', pass = ''] = /^([\w.]+)=([\w-]+)@([1-9]\d{0,5})(?:#\d{1,3})?$/.exec(text) ?? []
  if (isFailPoint(name)) {
    const kinds: readonly FailKind[] = failPoints[name]
    const kind = kinds.find((known) => known === wanted)
    if (kind !== undefined) return { point: name, kind, pass: Number(pass), fired: join(journal, `fired-${text}`) }
  }
  throw new MillraceError('bad_config', `MILLRACE_FAIL_POINTS: "${text}" is no POINT=KIND@PASS that this version knows`)
}

function isFailPoint(name: string): name is FailPoint {
  return Object.hasOwn(failPoints, name)
}

class ArmedFailPoints {
  readonly #journal: string
  readonly #power: string | null
  readonly #arms: readonly Arm[]
  readonly #passes = new Map<FailPoint, number>()

  constructor(arms: readonly Arm[], { journal, power }: { readonly journal: string; readonly power: string | null }) {
    this.#journal = journal
    this.#power = power
    this.#arms = arms
  }

  async step<T>(point: FailPoint, work: () => Promise<T>, half: (() => Promise<unknown>) | undefined): Promise<T> {
    const kind = this.#next(point)
    this.#breakBefore(kind, point)
    if (kind === 'torn-write' && half !== undefined) {
      await half()
      die()
    }
    if (kind === 'twice') await work()
    const result = await work()
    if (kind === 'power-loss-after') this.#losePower()
    if (kind === 'kill-after') die()
    if (kind === 'outcome-unknown') throw new MillraceError('outcome_unknown', `fail-point ${point}: done, and reported as failed`, { retryable: true })
    return result
  }

  place(point: FailPoint): void {
    this.#breakBefore(this.#next(point), point)
  }

  #next(point: FailPoint): FailKind | null {
    const pass = (this.#passes.get(point) ?? 0) + 1
    this.#passes.set(point, pass)
    if (pass === 1) writeFileSync(join(this.#journal, `passed-${point}`), '')
    return this.#arms.find((arm) => arm.point === point && arm.pass <= pass && this.#fires(arm))?.kind ?? null
  }

  /** The file is made before anything is broken, so that a process that starts again is not broken again. */
  #fires({ fired }: Arm): boolean {
    if (existsSync(fired)) return false
    writeFileSync(fired, '')
    return true
  }

  #breakBefore(kind: FailKind | null, point: FailPoint): void {
    if (kind === 'kill-before') die()
    if (kind === 'power-loss-before') this.#losePower()
    if (kind === 'throw') throw new MillraceError('unavailable', `fail-point ${point}`, { retryable: true })
    if (kind === 'hang') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, hangMs)
  }

  /** From the write to the switch on no process writes or syncs anything more; whoever started them ends the others. */
  #losePower(): void {
    writeFileSync(this.#power ?? '', 'off')
    die()
  }
}

function die(): void {
  process.kill(process.pid, 'SIGKILL')
}
