import { setTimeout as sleep } from 'node:timers/promises'
import type { Status } from '../src/query/status.ts'

/** A GET of the read side as its users send it. */
export async function readJson(url: string, path: string, secretKey: string): Promise<{ readonly status: number; readonly body: unknown }> {
  const response = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${secretKey}` } })
  return { status: response.status, body: await response.json() }
}

export async function readStatus(url: string, secretKey: string): Promise<Status> {
  const { status, body } = await readJson(url, '/v1/status', secretKey)
  if (status !== 200 || !isStatus(body)) throw new Error(`/v1/status answered ${status}: ${JSON.stringify(body)}`)
  return body
}

/** Polls until everything that was accepted is in all three tiers; fails after `withinMs`. */
export async function untilAtRest(url: () => string, secretKey: string, { accepted, withinMs }: { accepted: number; withinMs: number }): Promise<Status> {
  const deadline = performance.now() + withinMs
  for (;;) {
    const status = await readStatus(url(), secretKey).catch((error: unknown) => String(error))
    if (typeof status !== 'string' && status.atRest && status.totals.accepted >= accepted) return status
    if (performance.now() > deadline) throw new Error(`not at rest with ${accepted} accepted after ${withinMs} ms: ${JSON.stringify(status)}`)
    await sleep(50)
  }
}

function isStatus(body: unknown): body is Status {
  return typeof body === 'object' && body !== null && 'atRest' in body && 'agree' in body && 'totals' in body
}
