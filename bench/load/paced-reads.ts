import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

/** What a program of this file is told, and what it answers: it is a process of its own, so that its processor time is not the collector's. */
export interface ReadLoad {
  readonly url: string
  readonly secretKey: string
  /** One request each, in this order. */
  readonly paths: readonly string[]
  readonly perSecond: number
  /** So many at the front are not counted: they open the connections and have this program compiled. */
  readonly uncounted: number
}

export interface ReadLoadResult {
  /** Of those that count, from the instant a request was due, not from when it could be sent, to the end of its answer: nothing hides behind a slow answer. */
  readonly milliseconds: readonly number[]
  /** Requests that were not answered with 200. */
  readonly failures: number
  readonly cpuSeconds: number
}

const connections = 64
/** Requests are due in groups of a millisecond, which timers can keep. */
const tickMs = 1

export async function pacedReads({ url, secretKey, paths, perSecond, uncounted }: ReadLoad): Promise<ReadLoadResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections, scheduling: 'lifo' })
  const { hostname, port } = new URL(url)
  const headers = { authorization: `Bearer ${secretKey}` }
  const milliseconds: number[] = []
  let failures = 0
  const one = (path: string, { dueAt, counts }: { readonly dueAt: number; readonly counts: boolean }): Promise<void> => new Promise((resolve) => {
    const done = (isGood: boolean): void => {
      if (counts) milliseconds.push(performance.now() - dueAt)
      if (!isGood) failures += 1
      resolve()
    }
    request({ hostname, port, path, agent, headers }, (response) => {
      response.resume().on('end', () => done(response.statusCode === 200)).on('error', () => done(false))
    }).on('error', () => done(false)).end()
  })
  const before = process.cpuUsage()
  const begin = performance.now()
  const open: Promise<void>[] = []
  for (let sent = 0; sent < paths.length;) {
    const tick = Math.floor((performance.now() - begin) / tickMs)
    const due = Math.min(paths.length, Math.floor((tick + 1) * tickMs * perSecond / 1_000))
    for (; sent < due; sent += 1) {
      open.push(one(paths[sent] ?? '', { dueAt: begin + Math.floor(sent * 1_000 / perSecond / tickMs) * tickMs, counts: sent >= uncounted }))
    }
    await sleep(tickMs)
  }
  await Promise.all(open)
  const { user, system } = process.cpuUsage(before)
  agent.destroy()
  return { milliseconds, failures, cpuSeconds: (user + system) / 1e6 }
}

if (process.send !== undefined) {
  process.once('message', (load: ReadLoad) => {
    void pacedReads(load).then((result) => process.send?.(result, () => process.exit(0)))
  })
}
