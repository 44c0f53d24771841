/**
 * The edge under three times its capacity from one key, beside a quiet key: what is refused, what is kept, the quiet
 * key's latency against its idle one, and memory. `pnpm bench overload [seconds idle and seconds of flood] [connections]`. Both in turns of
 * two seconds: a disk has bad moments of its own, and in turns they meet both. Edge, flood and
 * quiet sender are processes of their own; the edge has the real embedded log, synced to disk. Connections are open
 * before: Node accepts one new connection each time around its loop.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { residentBytes, serveEdge } from './overload/edge-process.ts'
import { percentile, requestOf, Sender } from './overload/sender.ts'

const quietKey = 'bench-quiet-key-000'
const noisyKey = 'bench-noisy-key-000'
const eventsPerRequest = 50
const inFlightBytesMax = 64 * 1024 * 1024
const quietPerSecond = 100
const quietConnections = 50
const turnMs = 2_000

/** Sends single events at a steady rate and answers how long each took. */
async function beQuiet(port: number): Promise<void> {
  let taken: number[] = []
  let refused = 0
  const request = requestOf(quietKey, 1)
  const senders = Array.from({ length: quietConnections }, () => new Sender(port, (status, ms) => {
    if (status === 200) taken.push(ms)
    else refused += 1
  }))
  for (const sender of senders) await sender.open()
  const timer = setInterval(() => senders.find(({ busy }) => !busy)?.send(request), 1_000 / quietPerSecond)
  process.on('message', (message) => {
    if (message === 'stop') {
      clearInterval(timer)
      process.exit(0)
    }
    process.send?.({ taken, refused })
    taken = []
    refused = 0
  })
}

/** Requests a second on as many connections as it takes; one that would need another connection is not sent. */
class Flood {
  readonly statuses = new Map<number, number>()
  readonly tookMs = new Map<number, number[]>()
  unsent = 0
  readonly #senders: Sender[]
  readonly #request = requestOf(noisyKey, eventsPerRequest)

  constructor(port: number, connections: number) {
    this.#senders = Array.from({ length: connections }, () => new Sender(port, (status, ms) => {
      this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1)
      const list = this.tookMs.get(status) ?? []
      list.push(ms)
      this.tookMs.set(status, list)
    }))
  }

  /** One after the other: how fast an edge takes new connections is another question. */
  async open(): Promise<void> {
    for (const sender of this.#senders) await sender.open()
  }

  count(status: number): number {
    return this.statuses.get(status) ?? 0
  }

  get refused(): number {
    return this.count(429) + this.count(503)
  }

  /** `perSecond` null: as fast as the answers come, on `most` connections. */
  async run(ms: number, { perSecond, most }: { perSecond: number | null; most: number }): Promise<void> {
    const senders = this.#senders.slice(0, most)
    const begin = performance.now()
    let sent = 0
    for (let now = begin; now < begin + ms; now = performance.now()) {
      const due = perSecond === null ? Number.POSITIVE_INFINITY : (now - begin) * perSecond / 1_000
      for (const sender of senders) {
        if (sent >= due) break
        if (sender.busy) continue
        sender.send(this.#request)
        sent += 1
      }
      if (perSecond !== null && sent < due) {
        this.unsent += Math.floor(due - sent)
        sent = Math.floor(due)
      }
      await sleep(1)
    }
  }

  async finish(): Promise<void> {
    while (this.#senders.some(({ busy }) => busy)) await sleep(5)
  }

  close(): void {
    for (const sender of this.#senders) sender.close()
  }
}

function message(child: ChildProcess): Promise<object> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null): void => reject(new Error(`a process ended with ${code}`))
    child.once('exit', ended)
    child.once('message', (value) => {
      child.off('exit', ended)
      resolve(Object(value))
    })
  })
}

/** What the quiet key was answered, since it was asked for the last time or in several such spans. */
class QuietAnswers {
  readonly taken: number[] = []
  refused = 0

  async add(child: ChildProcess): Promise<void> {
    const answer = message(child)
    child.send('report')
    const { taken, refused } = { taken: new Array<number>(), refused: 0, ...await answer }
    this.taken.push(...taken)
    this.refused += refused
  }

  get p99(): number {
    return percentile(this.taken, 0.99)
  }

  get text(): string {
    return `p50 ${percentile(this.taken, 0.5).toFixed(2)} ms, p99 ${this.p99.toFixed(2)} ms (${this.taken.length} answered ok, ${this.refused} not)`
  }
}

function show(name: string, text: string): void {
  process.stdout.write(`${name.padEnd(22)} ${text}\n`)
}

/** Idle and beside a flood in turns. */
async function inTurns(quiet: ChildProcess, flood: Flood, { turns, perSecond, most }: { turns: number; perSecond: number; most: number }): Promise<readonly [QuietAnswers, QuietAnswers]> {
  const [idle, busy] = [new QuietAnswers(), new QuietAnswers()]
  for (let turn = 0; turn < turns; turn += 1) {
    await new QuietAnswers().add(quiet)
    await sleep(turnMs)
    await idle.add(quiet)
    await flood.run(turnMs, { perSecond, most })
    await busy.add(quiet)
    await flood.finish()
  }
  return [idle, busy]
}

async function measure(phaseMs: number, connections: number): Promise<void> {
  const edge = fork(import.meta.filename, ['edge'])
  const { url } = { url: '', ...await message(edge) }
  const port = Number(new URL(url).port)
  const memory: number[] = []
  const watching = setInterval(() => memory.push(residentBytes(edge.pid ?? 0)), 500)
  const flood = new Flood(port, connections)
  await flood.open()
  // Warms up the compiler, and says what the edge can do.
  await flood.run(4_000, { perSecond: null, most: 16 })
  await flood.finish()
  const warm = flood.count(200)
  const begin = performance.now()
  await flood.run(phaseMs / 2, { perSecond: null, most: 16 })
  await flood.finish()
  const capacity = (flood.count(200) - warm) / ((performance.now() - begin) / 1_000)
  show('capacity', `${Math.round(capacity * eventsPerRequest).toLocaleString('en')} events/s in requests of ${eventsPerRequest} on 16 connections`)
  const quiet = fork(import.meta.filename, ['quiet', String(port)])
  await sleep(2_000)
  const before = { taken: flood.count(200), refused: flood.refused, memory: memory.length }
  flood.tookMs.clear()
  const turns = Math.ceil(phaseMs / turnMs)
  const floodSeconds = turns * turnMs / 1_000
  const [idle, busy] = await inTurns(quiet, flood, { turns, perSecond: 3 * capacity, most: connections })
  show('quiet key, idle', idle.text)
  const taken = flood.count(200) - before.taken
  const refused = flood.refused - before.refused
  show('noisy key, threefold', `${Math.round((taken + refused + flood.unsent) / floodSeconds)} requests/s wanted, ${Math.round((taken + refused) / floodSeconds)} sent on ${connections} connections, `
    + `${taken} ok, ${flood.count(429)} with 429, ${flood.count(503)} with 503, ${flood.count(0)} cut off`)
  show('', `ok after p50 ${percentile(flood.tookMs.get(200) ?? [], 0.5).toFixed(0)} ms, p99 ${percentile(flood.tookMs.get(200) ?? [], 0.99).toFixed(0)} ms; refused after p50 ${percentile(flood.tookMs.get(429) ?? [], 0.5).toFixed(0)} ms`)
  show('quiet key, beside it', `${busy.text}: p99 ${(busy.p99 / idle.p99).toFixed(1)} times the idle one`)
  const highest = Math.max(...memory.slice(before.memory))
  const half = memory.slice(before.memory).slice(Math.floor((memory.length - before.memory) / 2))
  show('memory', `${mebibytes(highest)} at most; second half of the flood ${mebibytes(Math.min(...half))} to ${mebibytes(Math.max(...half))}`)
  await sleep(1_000)
  await new QuietAnswers().add(quiet)
  const refusedBefore = flood.refused
  await flood.run(phaseMs, { perSecond: capacity / 4, most: connections })
  await flood.finish()
  const after = new QuietAnswers()
  await after.add(quiet)
  show('afterwards', `at a quarter of the capacity ${flood.refused - refusedBefore} refused; quiet ${after.text}`)
  quiet.send('stop')
  flood.close()
  clearInterval(watching)
  const report = message(edge)
  edge.send('stop')
  const { stored } = { stored: 0, ...await report }
  const answered = flood.count(200) * eventsPerRequest
  show('kept', `${answered.toLocaleString('en')} events of the noisy key answered ok, ${stored.toLocaleString('en')} of both in the log`)
  if (stored < answered) process.exitCode = 1
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 1_048_576)} MiB`
}

const [role, second] = process.argv.slice(2)
if (role === 'edge') await serveEdge([quietKey, noisyKey], inFlightBytesMax)
else if (role === 'quiet') await beQuiet(Number(second))
else await measure(Number(role ?? 8) * 1_000, Number(second ?? 1_000))
