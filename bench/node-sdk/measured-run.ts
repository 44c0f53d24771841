import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { SenderPlan, SenderReport } from './sender.ts'
import type { SinkCounts, SinkMode } from './sink.ts'

export interface RunOptions extends Omit<SenderPlan, 'host'> {
  readonly latencyMs: number
  /** Then the sender is killed: some never end. */
  readonly secondsMax: number
  /** Changes of the sink, each so many milliseconds after the sender began. */
  readonly modes?: readonly { readonly atMs: number; readonly mode: SinkMode }[]
}

export interface MeasuredRun {
  readonly sink: SinkCounts
  /** Null if the sender did not end within its time, or ended otherwise than by closing. */
  readonly report: SenderReport | null
  /** Of the sender: null if it was killed for its time, else as it ended; 0 if it reported. */
  readonly exitCode: number | null
  readonly seconds: number
  readonly lost: number
  readonly doubled: number
}

/** A sink and a sender, each a process of its own, from the start to the sender's close. */
export async function measureRun({ latencyMs, secondsMax, modes = [], ...plan }: RunOptions): Promise<MeasuredRun> {
  const sink = fork(join(import.meta.dirname, 'sink.ts'), [String(latencyMs), String(plan.events)])
  const { port } = { port: 0, ...await nextMessage(sink) }
  const sender = fork(join(plan.peers, 'built/sender.js'), { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
  await nextMessage(sender)
  const begin = performance.now()
  const timers = modes.map(({ atMs, mode }) => setTimeout(() => sink.send(mode), atMs))
  const host = `http://127.0.0.1:${port}`
  sender.send({ ...plan, host } satisfies SenderPlan)
  const ended = await outcome(sender, secondsMax)
  const seconds = (performance.now() - begin) / 1_000
  for (const timer of timers) clearTimeout(timer)
  const counts = await countOf(sink)
  for (const child of [sender, sink]) await end(child)
  return {
    sink: counts, ...ended, seconds,
    lost: plan.events - counts.unique, doubled: counts.received - counts.unique,
  }
}

async function outcome(sender: ChildProcess, secondsMax: number): Promise<Pick<MeasuredRun, 'report' | 'exitCode'>> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), secondsMax * 1_000)
  })
  const gone = once(sender, 'exit').then(([code]: readonly unknown[]) => ({ code: Number(code) }))
  const first = await Promise.race([nextMessage(sender), gone, late])
  clearTimeout(timer)
  if (first === null) return { report: null, exitCode: null }
  if ('code' in first && typeof first.code === 'number') return { report: null, exitCode: first.code }
  return { report: readReport(first), exitCode: 0 }
}

function readReport(message: object): SenderReport {
  const number = (name: keyof SenderReport): number => Number(Reflect.get(message, name))
  return {
    tracked: number('tracked'), refused: number('refused'), loopSeconds: number('loopSeconds'), seconds: number('seconds'), closeMs: number('closeMs'),
    peakMegabytes: number('peakMegabytes'), cpuMicrosecondsPerEvent: number('cpuMicrosecondsPerEvent'),
    lagP99Ms: number('lagP99Ms'), lagMaxMs: number('lagMaxMs'),
  }
}

async function countOf(sink: ChildProcess): Promise<SinkCounts> {
  const answer = nextMessage(sink)
  sink.send('count')
  const message = await answer
  const number = (name: keyof SinkCounts): number => Number(Reflect.get(message, name))
  return { received: number('received'), unique: number('unique'), requests: number('requests'), failed: number('failed'), sockets: number('sockets') }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}

function nextMessage(child: ChildProcess): Promise<object> {
  return new Promise((resolve) => {
    child.once('message', (message) => resolve(Object(message)))
  })
}
