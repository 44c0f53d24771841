/**
 * The edge against its floor: a bare node:http server that reads, parses, writes each event again, appends, and
 * answers after one fdatasync for all waiting requests. Same file, same load, same run, in turns; what counts is
 * events per CPU-second of the server, so a busy machine changes both alike. Run by hand:
 * `node bench/edge.ts [seconds a turn] [turns]`.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { closeSync, fdatasync, mkdtempSync, openSync, rmSync, write } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createEdgeApp, edgeDefaults } from '../collector/src/edge/edge-app.ts'
import { EdgeMetrics } from '../collector/src/edge/edge-metrics.ts'
import { hashKey, KeyRing } from '../collector/src/edge/key-ring.ts'
import { listen } from '../collector/src/edge/listen.ts'
import { RecordGatherer } from '../collector/src/edge/record-gatherer.ts'
import { defaultIdentitySettings } from '../collector/src/identity/identity-settings.ts'
import { systemClock } from '../collector/src/platform/clock.ts'
import { uuidV7 } from '@millrace/schemas'
import type { LogWriter } from '../collector/src/ports/log.ts'
import { noLimits } from '../collector/src/ports/key.ts'
import { order } from './spine/orders.ts'

const writeKey = 'bench-write-key-0000'
const connections = 16
const warmUpMs = 3_000
const variants = ['bare', 'edge'] as const
type Variant = (typeof variants)[number]

/** Group commit: what comes while a sync runs goes with the next one. */
class SyncedFile {
  readonly #descriptor: number
  #waiting: { bytes: Uint8Array, done: (error: Error | null) => void }[] = []
  #busy = false

  constructor(path: string) {
    this.#descriptor = openSync(path, 'a')
  }

  append(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ bytes, done: (error) => (error === null ? resolve() : reject(error)) })
      if (!this.#busy) this.#commit()
    })
  }

  close(): void {
    closeSync(this.#descriptor)
  }

  commits = 0
  #commit(): void {
    this.commits += 1
    this.#busy = true
    const group = this.#waiting
    this.#waiting = []
    const settle = (error: Error | null): void => {
      for (const { done } of group) done(error)
      this.#busy = false
      if (this.#waiting.length > 0) this.#commit()
    }
    write(this.#descriptor, Buffer.concat(group.map(({ bytes }) => bytes)), (error) => {
      if (error !== null) settle(error)
      else fdatasync(this.#descriptor, settle)
    })
  }
}

async function startBare(file: SyncedFile): Promise<string> {
  const server = createServer((incoming, outgoing) => {
    takeBare(file, incoming, outgoing).catch(() => outgoing.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
}

async function takeBare(file: SyncedFile, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const chunks: Buffer[] = []
  await new Promise<void>((resolve, reject) => {
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', resolve).on('error', reject)
  })
  const body: unknown = JSON.parse(Buffer.concat(chunks).toString())
  const lines: string[] = []
  if (typeof body === 'object' && body !== null && 'batch' in body && Array.isArray(body.batch)) {
    for (const event of body.batch) lines.push(JSON.stringify(event), '\n')
  }
  await file.append(Buffer.from(lines.join('')))
  outgoing.writeHead(200, { 'Content-Type': 'application/json' })
  outgoing.end('{"success":true}')
}

async function startEdge(file: SyncedFile): Promise<string> {
  const log: LogWriter = {
    partitions: 4,
    append: async (_partition, payload) => {
      await file.append(payload)
      return null
    },
    readiness: () => ({ ready: true }),
    pendingBytes: () => 0,
    trim: async () => true,
    close: () => Promise.resolve(),
  }
  const metrics = new EdgeMetrics()
  const app = createEdgeApp({
    log: new RecordGatherer({ log, clock: systemClock, metrics }),
    readiness: () => log.readiness(),
    keys: new KeyRing([{ hash: hashKey(writeKey), workspace: 1, kind: 'write', id: 'bench', revoked: false, limits: noLimits }]),
    clock: systemClock, metrics, settings: { ...edgeDefaults, eventsPerSecondMax: 1e9 },
    identityOf: () => defaultIdentitySettings,
    draining: () => false,
    newMessageId: () => uuidV7(Date.now()),
    random: Math.random,
    report: console.error,
  })
  return (await listen(app, { host: '127.0.0.1', port: 0 })).url
}

async function serve(variant: string): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  const file = new SyncedFile(join(directory, 'log'))
  const url = variant === 'bare' ? await startBare(file) : await startEdge(file)
  process.on('message', (message) => {
    if (message === 'cpu') process.send?.({ cpu: process.cpuUsage() })
    if (message !== 'stop') return
    process.stderr.write(`${file.commits} commits\n`); file.close()
    rmSync(directory, { recursive: true })
    process.exit(0)
  })
  process.send?.({ url })
}

function requestBytes(events: number): Buffer {
  const body = JSON.stringify({
    batch: Array.from({ length: events }, (_, index) => order(index)), writeKey, sentAt: new Date(Date.now() + 50).toISOString(),
  })
  const head = [
    'POST /v1/batch HTTP/1.1', 'Host: 127.0.0.1', 'Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`,
    `Authorization: Basic ${Buffer.from(`${writeKey}:`).toString('base64')}`, 'User-Agent: bench/1', 'Accept: */*', '', '',
  ].join('\r\n')
  return Buffer.from(head + body)
}

/** Raw sockets, one request at a time on each, so that the generator costs little. */
function drive(port: number, events: number): void {
  const bytes = requestBytes(events)
  let done = 0
  const latencies: number[] = []
  for (let index = 0; index < connections; index += 1) {
    const socket = connect(port, '127.0.0.1').setNoDelay(true)
    let received = ''
    let sentAt = 0
    const send = (): void => {
      sentAt = performance.now()
      socket.write(bytes)
    }
    socket.on('connect', send).on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1')
      const head = received.indexOf('\r\n\r\n')
      if (head < 0) return
      const length = /content-length: (\d+)/i.exec(received.slice(0, head))?.[1]
      const chunked = length === undefined
      if (chunked ? !received.endsWith('0\r\n\r\n') : received.length < head + 4 + Number(length)) return
      if (!received.startsWith('HTTP/1.1 200')) throw new Error(received)
      received = ''
      done += events
      latencies.push(performance.now() - sentAt)
      send()
    })
  }
  process.on('message', (message) => {
    if (message === 'stop') process.exit(0)
    latencies.sort((a, b) => a - b)
    process.send?.({ done, p50: latencies[latencies.length >> 1], p99: latencies[Math.floor(latencies.length * 0.99)] })
    done = 0
    latencies.length = 0
  })
}

function nextMessage(child: ChildProcess): Promise<object> {
  return new Promise((resolve, reject) => {
    child.once('message', (message) => resolve(Object(message)))
    child.once('exit', (code) => reject(new Error(`a process ended with ${code}`)))
  })
}

function ask(child: ChildProcess, question: string): Promise<object> {
  const answer = nextMessage(child)
  child.send(question)
  return answer
}

function numberOf(value: object, key: string): number {
  const found: unknown = Reflect.get(value, key)
  return typeof found === 'number' ? found : Number.NaN
}

async function cpuSeconds(server: ChildProcess): Promise<number> {
  const { cpu } = { cpu: {}, ...await ask(server, 'cpu') }
  return (numberOf(cpu, 'user') + numberOf(cpu, 'system')) / 1e6
}

interface Turn {
  readonly perCpuSecond: number
  readonly perSecond: number
  readonly p50: number
  readonly p99: number
}

async function turn(variant: Variant, events: number, ms: number): Promise<Turn> {
  const server = fork(import.meta.filename, ['serve', variant])
  const { url } = { url: '', ...await nextMessage(server) }
  const load = fork(import.meta.filename, ['drive', new URL(url).port, String(events)])
  // The first seconds warm up the compiler.
  await systemClock.sleep(warmUpMs)
  await ask(load, 'count')
  const before = await cpuSeconds(server)
  const start = performance.now()
  await systemClock.sleep(ms)
  const counted = await ask(load, 'count')
  const used = await cpuSeconds(server) - before
  const seconds = (performance.now() - start) / 1_000
  for (const child of [load, server]) {
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.send('stop')
    await ended
  }
  const done = numberOf(counted, 'done')
  return { perCpuSecond: done / used, perSecond: done / seconds, p50: numberOf(counted, 'p50'), p99: numberOf(counted, 'p99') }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}

async function compare(events: number, ms: number, turns: number): Promise<void> {
  const results: Record<Variant, Turn[]> = { bare: [], edge: [] }
  for (let index = 0; index < turns; index += 1) {
    for (const variant of variants) results[variant].push(await turn(variant, events, ms))
  }
  for (const variant of variants) {
    const of = (key: keyof Turn): number => median(results[variant].map((result) => result[key]))
    console.log(`${String(events).padStart(4)} a request  ${variant}  ${Math.round(of('perCpuSecond')).toLocaleString('en').padStart(9)} events/CPU-s `
      + `${Math.round(of('perSecond')).toLocaleString('en').padStart(9)} events/s  p50 ${of('p50').toFixed(2)} ms  p99 ${of('p99').toFixed(2)} ms`)
  }
  const ratio = median(results.edge.map((result, index) => result.perCpuSecond / (results.bare[index]?.perCpuSecond ?? Number.NaN)))
  console.log(`${String(events).padStart(4)} a request  edge/bare ${(ratio * 100).toFixed(0)} %`)
}

const [role, first, second] = process.argv.slice(2)
if (role === 'serve' && first !== undefined) {
  await serve(first)
} else if (role === 'drive') {
  drive(Number(first), Number(second))
} else {
  for (const events of [50, 1]) await compare(events, Number(role ?? 3) * 1_000, Number(first ?? 5))
}
