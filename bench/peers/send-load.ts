import { randomUUID } from 'node:crypto'
import { Agent as HttpAgent, type IncomingMessage, request as httpRequest } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import { orderEvent } from './order-event.ts'

/** What a process of this file is told: it is one of its own, so that its processor time is not that of whoever it measures. */
export interface PeerLoad {
  /** Of the collector, without a path. */
  readonly url: string
  readonly writeKey: string
  readonly route: 'batch' | 'track'
  readonly events: number
  readonly eventsPerRequest: number
  readonly connections: number
  /** Null: each connection sends as fast as it is answered. Otherwise requests are due at this rate, whatever the answers do. */
  readonly requestsPerSecond: number | null
}

export interface PeerLoadResult {
  /** Events of requests that were answered with 2xx. */
  readonly accepted: number
  readonly requests: number
  /** What else was answered, by status or by error code. */
  readonly errors: Readonly<Record<string, number>>
  readonly seconds: number
  /** From the instant a request was due, or was sent where none is due, to the end of its answer. */
  readonly milliseconds: readonly number[]
  readonly bytes: number
  readonly cpuSeconds: number
}

async function sendLoad(load: PeerLoad): Promise<PeerLoadResult> {
  const bodies = bodiesOf(load)
  const post = poster(load)
  const milliseconds: number[] = []
  const errors: Record<string, number> = {}
  let accepted = 0
  const send = async ({ body, events }: Body, dueAt: number): Promise<void> => {
    const outcome = await post(body)
    milliseconds.push(performance.now() - dueAt)
    if (/^2\d\d$/.test(outcome)) accepted += events
    else errors[outcome] = (errors[outcome] ?? 0) + 1
  }
  const before = process.cpuUsage()
  const begin = performance.now()
  if (load.requestsPerSecond === null) await asAnswered(bodies, load.connections, (body) => send(body, performance.now()))
  else await asDue(bodies, load.requestsPerSecond, send)
  const seconds = (performance.now() - begin) / 1_000
  const { user, system } = process.cpuUsage(before)
  const bytes = bodies.reduce((sum, { body }) => sum + body.length, 0)
  return { accepted, requests: bodies.length, errors, seconds, milliseconds, bytes, cpuSeconds: (user + system) / 1e6 }
}

interface Body {
  readonly body: Buffer
  readonly events: number
}

/** Made before the clock starts. */
function bodiesOf({ route, events, eventsPerRequest }: PeerLoad): readonly Body[] {
  const bodies: Body[] = []
  for (let first = 0; first < events; first += eventsPerRequest) {
    const count = Math.min(eventsPerRequest, events - first)
    const made = Array.from({ length: count }, (_, index) => orderEvent(first + index, randomUUID()))
    const [only] = made
    bodies.push({ body: Buffer.from(JSON.stringify(route === 'track' ? only : { batch: made, sentAt: new Date().toISOString() })), events: count })
  }
  return bodies
}

/** Answers the status as text, or the code of what went wrong on the way. */
function poster({ url, writeKey, route, connections }: PeerLoad): (body: Buffer) => Promise<string> {
  const target = new URL(`/v1/${route}`, url)
  const isSecure = target.protocol === 'https:'
  const agent = new (isSecure ? HttpsAgent : HttpAgent)({ keepAlive: true, maxSockets: connections })
  const request = isSecure ? httpsRequest : httpRequest
  const authorization = `Basic ${Buffer.from(`${writeKey}:`).toString('base64')}`
  return (body) => new Promise((resolve) => {
    const failed = (error: NodeJS.ErrnoException): void => resolve(error.code ?? error.message)
    const answered = (response: IncomingMessage): void => {
      response.resume().on('end', () => resolve(String(response.statusCode))).on('error', failed)
    }
    request(target, { method: 'POST', agent, headers: { authorization, 'content-type': 'application/json', 'content-length': body.length } }, answered).on('error', failed).end(body)
  })
}

async function asAnswered(bodies: readonly Body[], connections: number, send: (body: Body) => Promise<void>): Promise<void> {
  const left = bodies.values()
  await Promise.all(Array.from({ length: connections }, async () => {
    for (const body of left) await send(body)
  }))
}

async function asDue(bodies: readonly Body[], perSecond: number, send: (body: Body, dueAt: number) => Promise<void>): Promise<void> {
  const begin = performance.now()
  const open: Promise<void>[] = []
  for (const [index, body] of bodies.entries()) {
    const dueAt = begin + index * 1_000 / perSecond
    while (performance.now() < dueAt) await sleep(1)
    open.push(send(body, dueAt))
  }
  await Promise.all(open)
}

if (process.send !== undefined) {
  process.once('message', (load: PeerLoad) => {
    void sendLoad(load).then((result) => process.send?.(result, () => process.exit(0)))
  })
}
