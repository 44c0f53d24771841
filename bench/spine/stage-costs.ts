import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Stage, stages as allStages } from './bare-program.ts'

/** Microseconds of the monotonic clock, which a profile's times are in. */
export function monotonicMicroseconds(): number {
  return Number(process.hrtime.bigint() / 1_000n)
}

/** Processor seconds of one process by thread: JavaScript, libuv's pool (files, compression), and the rest (collection of garbage, the engine's own). */
export interface ThreadSeconds {
  readonly main: number
  readonly pool: number
  readonly rest: number
}

const nothing: ThreadSeconds = { main: 0, pool: 0, rest: 0 }

export function threadSeconds(pid: number): ThreadSeconds {
  const seconds = { ...nothing }
  for (const task of readdirOrNone(`/proc/${pid}/task`)) {
    const stat = readOrEmpty(`/proc/${pid}/task/${task}/stat`)
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const own = (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / 100
    if (Number(task) === pid) seconds.main += own
    else if (stat.includes('(libuv-worker)')) seconds.pool += own
    else seconds.rest += own
  }
  return seconds
}

export function since(now: ThreadSeconds, before: ThreadSeconds = nothing): ThreadSeconds {
  return { main: now.main - before.main, pool: now.pool - before.pool, rest: now.rest - before.rest }
}

export interface StageInput {
  /** By name of the process. */
  readonly seconds: ReadonlyMap<string, ThreadSeconds>
  /** Where the processes left their profiles when they ended. */
  readonly profiles: string
  /** The part of the profiles that counts, in microseconds of the monotonic clock. */
  readonly from: number
  readonly to: number
}

/**
 * Processor seconds of each stage. A thread's time is taken from the system; how the JavaScript thread of the collector and of the worker
 * divides into stages is taken from a sampling profile, in which a blocking call counts as work. Null without a profile of each.
 */
export function stageSeconds({ seconds, profiles, from, to }: StageInput): ReadonlyMap<Stage, number> | null {
  const found = readdirOrNone(profiles).map((name) => readProfile(join(profiles, name)))
  const collector = found.find((profile) => profile?.program === 'collector')
  const worker = found.find((profile) => profile?.program === 'worker')
  if (collector === undefined || collector === null || worker === undefined || worker === null) return null
  const stages = new Map<Stage, number>()
  const add = (stage: Stage, more: number): void => void stages.set(stage, (stages.get(stage) ?? 0) + more)
  for (const stage of allStages) stages.set(stage, 0)
  const ofCollector = seconds.get('collector') ?? nothing
  for (const [stage, share] of shares(collector, { from, to }, collectorStage)) add(stage, share * (ofCollector.main + ofCollector.rest))
  add('log', ofCollector.pool)
  const ofWorker = seconds.get('worker') ?? nothing
  for (const [stage, share] of shares(worker, { from, to }, workerStage)) add(stage, share * (ofWorker.main + ofWorker.rest))
  add('archive', ofWorker.pool)
  const { main, pool, rest } = seconds.get('engine') ?? nothing
  add('insert', main + pool + rest)
  return stages
}

export interface StageTable {
  readonly stages: ReadonlyMap<Stage, number>
  readonly events: number
  readonly senderSeconds: number
  /** What the bare program took at the same time, microseconds an event. */
  readonly floors: ReadonlyMap<Stage, number>
}

export function stageTable({ stages, events, senderSeconds, floors }: StageTable): string {
  const row = (name: string, us: number, floor: number): string =>
    `  ${name.padEnd(15)}${us.toFixed(1).padStart(8)}${floor.toFixed(1).padStart(14)}${(us / floor).toFixed(1).padStart(8)}`
  const rows = [...stages].map(([stage, seconds]) => row(stage, seconds * 1e6 / events, floors.get(stage) ?? Number.NaN))
  const total = [...stages.values()].reduce((sum, seconds) => sum + seconds, 0) * 1e6 / events
  const floor = [...floors.values()].reduce((sum, us) => sum + us, 0)
  return [
    'processor time   µs/event  bare program   ratio', ...rows, row('all stages', total, floor),
    `  this program   ${(senderSeconds * 1e6 / events).toFixed(1).padStart(7)}`,
    `two cores        ${Math.round(2e6 / total)} events/s at this processor time, ${Math.round(2e6 / floor)} at the bare program's`,
  ].join('\n')
}

function collectorStage(url: string): Stage | null {
  return url.includes('/src/log/') ? 'log' : null
}

/** Statements that are run for the archive's or the load's own rows count as decide where the store was waited for. */
function workerStage(url: string): Stage | null {
  if (url.endsWith('/pump/read-record.ts')) return 'parse again'
  if (/\/pump\/archive|\/stores\/objects\//.test(url)) return 'archive'
  if (/\/ports\/event-row|\/pump\/olap-rows/.test(url)) return 'rows'
  if (/\/pump\/loader|\/stores\/olap\/|@clickhouse/.test(url)) return 'insert'
  return null
}

interface Profile {
  readonly program: 'collector' | 'worker' | null
  readonly nodes: ReadonlyMap<number, { readonly name: string; readonly url: string; readonly parent: number | undefined }>
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
  readonly startTime: number
}

function shares({ program, nodes, samples, timeDeltas, startTime }: Profile, { from, to }: Pick<StageInput, 'from' | 'to'>, stageOf: (url: string) => Stage | null): ReadonlyMap<Stage, number> {
  const home: Stage = program === 'worker' ? 'decide' : 'edge'
  const known = new Map<number, Stage | 'idle' | 'garbage'>()
  const stage = (id: number): Stage | 'idle' | 'garbage' => {
    let found = known.get(id)
    if (found !== undefined) return found
    const node = nodes.get(id)
    const parent = node?.parent
    found = node === undefined ? 'idle' : node.name === '(idle)' ? 'idle' : node.name === '(garbage collector)' ? 'garbage'
      : stageOf(node.url) ?? (parent === undefined ? home : stage(parent))
    known.set(id, found)
    return found
  }
  const spent = new Map<Stage, number>()
  let at = startTime
  let all = 0
  for (const [index, id] of samples.entries()) {
    at += timeDeltas[index] ?? 0
    const found = stage(id)
    // Garbage is collected for everybody in proportion.
    if (at < from || at > to || found === 'idle' || found === 'garbage') continue
    spent.set(found, (spent.get(found) ?? 0) + (timeDeltas[index] ?? 0))
    all += timeDeltas[index] ?? 0
  }
  return new Map([...spent].map(([name, us]) => [name, us / Math.max(1, all)]))
}

function readProfile(path: string): Profile | null {
  const parsed: unknown = JSON.parse(readFileSync(path, 'utf8'))
  if (typeof parsed !== 'object' || parsed === null || !('nodes' in parsed && 'samples' in parsed && 'timeDeltas' in parsed && 'startTime' in parsed)) return null
  const { nodes: list, samples, timeDeltas, startTime } = parsed
  if (!Array.isArray(list) || !Array.isArray(samples) || !Array.isArray(timeDeltas) || typeof startTime !== 'number') return null
  const nodes = new Map<number, { name: string; url: string; parent: number | undefined }>()
  const parents = new Map<number, number>()
  for (const node of list) {
    const id = Number(Reflect.get(Object(node), 'id'))
    const frame = Object(Reflect.get(Object(node), 'callFrame'))
    nodes.set(id, { name: String(Reflect.get(frame, 'functionName')), url: String(Reflect.get(frame, 'url')), parent: undefined })
    const children: unknown = Reflect.get(Object(node), 'children')
    if (Array.isArray(children)) for (const child of children) parents.set(Number(child), id)
  }
  for (const [child, parent] of parents) {
    const node = nodes.get(child)
    if (node !== undefined) node.parent = parent
  }
  const has = (part: string): boolean => [...nodes.values()].some(({ url }) => url.endsWith(part))
  const program = has('/src/worker.ts') ? 'worker' : has('/edge/record-gatherer.ts') ? 'collector' : null
  return { program, nodes, samples: samples.map(Number), timeDeltas: timeDeltas.map(Number), startTime }
}

function readdirOrNone(path: string): readonly string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
