/**
 * What one request costs the edge by stage, beside a bare node:http server that parses and writes each event again: both in one process
 * over connections in memory, in turns, so that neither the system's sockets nor a disk is in it. `node bench/edge-costs.ts [turns]`.
 */
import { createServer, type Server } from 'node:http'
import { Session, type Profiler } from 'node:inspector/promises'
import { type Duplex, duplexPair } from 'node:stream'
import { createEdgeApp, edgeDefaults } from '../collector/src/edge/edge-app.ts'
import { EdgeMetrics } from '../collector/src/edge/edge-metrics.ts'
import { hashKey, KeyRing } from '../collector/src/edge/key-ring.ts'
import { RecordGatherer } from '../collector/src/edge/record-gatherer.ts'
import { defaultIdentitySettings } from '../collector/src/identity/identity-settings.ts'
import { systemClock } from '../collector/src/platform/clock.ts'
import { noLimits } from '../collector/src/ports/key.ts'
import type { LogWriter } from '../collector/src/ports/log.ts'
import { order } from './spine/orders.ts'

const writeKey = 'bench-write-key-0000'
const turns = Number(process.argv[2] ?? 20)
const warmUpTurns = 8

/** Keeps nothing: what is durable costs both servers the same. */
const log: LogWriter = {
  partitions: 1, append: async () => null, readiness: () => ({ ready: true }), pendingBytes: () => 0, trim: async () => true, close: async () => {},
}

function edgeServer(): Server {
  const metrics = new EdgeMetrics()
  const app = createEdgeApp({
    log: new RecordGatherer({ log, clock: systemClock, metrics }), readiness: () => log.readiness(),
    keys: new KeyRing([{ hash: hashKey(writeKey), workspace: 1, kind: 'write', id: 'bench', revoked: false, limits: noLimits }]),
    clock: systemClock, metrics, settings: { ...edgeDefaults, eventsPerSecondMax: 1e9 }, identityOf: () => defaultIdentitySettings,
    draining: () => false, newMessageId: () => 'none', random: Math.random, report: console.error,
  })
  return createServer((incoming, outgoing) => {
    if (!app.takeNode(incoming, outgoing)) throw new Error('the edge left the request to the general way')
  })
}

function bareServer(): Server {
  return createServer((incoming, outgoing) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => {
      const { batch } = Object(JSON.parse(Buffer.concat(chunks).toString()))
      const lines: string[] = []
      if (Array.isArray(batch)) for (const event of batch) lines.push(JSON.stringify(event), '\n')
      if (Buffer.from(lines.join('')).length === 0) throw new Error('nothing was written')
      outgoing.writeHead(200, { 'Content-Type': 'application/json' })
      outgoing.end('{"success":true}')
    })
  })
}

function requestBytes(events: number): Buffer {
  const body = JSON.stringify({ batch: Array.from({ length: events }, (_, index) => order(index)), writeKey, sentAt: new Date(Date.now() + 50).toISOString() })
  const head = [
    'POST /v1/batch HTTP/1.1', 'Host: 127.0.0.1', 'Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`,
    `Authorization: Basic ${Buffer.from(`${writeKey}:`).toString('base64')}`, 'User-Agent: bench/1', 'Accept: */*', '', '',
  ].join('\r\n')
  return Buffer.from(head + body)
}

function connected(server: Server): Duplex {
  const [client, socket] = duplexPair()
  server.emit('connection', Object.assign(socket, { remoteAddress: '127.0.0.1', setTimeout: () => {}, setKeepAlive: () => {}, setNoDelay: () => {}, destroySoon: () => socket.destroy() }))
  return client
}

function answered(client: Duplex, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = ''
    const take = (chunk: Buffer): void => {
      text += chunk.toString('latin1')
      if (!text.endsWith('}') && !text.endsWith('0\r\n\r\n')) return
      client.off('data', take)
      if (text.startsWith('HTTP/1.1 200')) resolve()
      else reject(new Error(text))
    }
    client.on('data', take)
    client.write(bytes)
  })
}

/** Microseconds of processor time a request. */
async function turn(client: Duplex, bytes: Buffer, requests: number): Promise<number> {
  const before = process.cpuUsage()
  for (let request = 0; request < requests; request += 1) await answered(client, bytes)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / requests
}

/** The stage of a frame, or null where its caller's counts. What JSON.stringify writes has no frame of its own. */
function stageOf({ functionName, url }: Profiler.ProfileNode['callFrame']): string | null {
  if (functionName === '(idle)' || url === 'node:inspector') return 'idle'
  if (functionName === '(garbage collector)') return 'garbage'
  if (/bench\/edge-costs/.test(url)) return 'HTTP'
  if (/\/ingest\/(?:read-envelope|decode-body|skim|json-scan)/.test(url)) return 'skim'
  if (/\/ingest\/draft-skimmed/.test(url)) return 'write'
  if (/\/(?:ingest|identity|ports|schemas)\//.test(url)) return 'validate'
  if (url.endsWith('/edge/record-gatherer.ts')) return 'gather'
  if (/\/edge\/(?:read-body|node-answer|edge-request)/.test(url)) return 'HTTP'
  if (/\/edge\/|prom-client/.test(url)) return 'admit, count, answer'
  return null
}

/** Shares of the profile's time by stage, what waits left out. */
function shares({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): ReadonlyMap<string, number> {
  const known = new Map(nodes.map((node) => [node.id, node]))
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)))
  const spent = new Map<string, number>()
  let all = 0
  for (const [index, id] of samples.entries()) {
    let stage: string | null = null
    for (let at = known.get(id); stage === null && at !== undefined; at = known.get(parents.get(at.id) ?? -1)) stage = stageOf(at.callFrame)
    if (stage === 'idle') continue
    const us = timeDeltas[index] ?? 0
    spent.set(stage ?? 'HTTP', (spent.get(stage ?? 'HTTP') ?? 0) + us)
    all += us
  }
  return new Map([...spent].map(([stage, us]) => [stage, us / all]))
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}

async function compare(events: number): Promise<void> {
  const bytes = requestBytes(events)
  const [bare, edge] = [connected(bareServer()), connected(edgeServer())]
  const requests = Math.ceil(600 / events ** 0.7)
  const costs: { readonly bare: number[]; readonly edge: number[] } = { bare: [], edge: [] }
  for (let index = 0; index < turns + warmUpTurns; index += 1) {
    const [low, high] = [await turn(bare, bytes, requests), await turn(edge, bytes, requests)]
    if (index < warmUpTurns) continue
    costs.bare.push(low)
    costs.edge.push(high)
  }
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.setSamplingInterval', { interval: 200 })
  await session.post('Profiler.start')
  for (let index = 0; index < turns; index += 1) await turn(edge, bytes, requests)
  const { profile } = await session.post('Profiler.stop')
  session.disconnect()
  const [low, high] = [median(costs.bare), median(costs.edge)]
  console.log(`${events} a request: ${(high / events).toFixed(2)} µs an event, bare ${(low / events).toFixed(2)}, bare/edge ${(low / high * 100).toFixed(0)} %`)
  for (const [stage, share] of [...shares(profile)].toSorted(([, a], [, b]) => b - a)) console.log(`  ${stage.padEnd(22)} ${(share * high / events).toFixed(2).padStart(8)} µs`)
}

for (const events of [50, 1]) await compare(events)
process.exit(0)
