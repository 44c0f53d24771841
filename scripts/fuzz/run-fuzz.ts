import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ControlClient, connectControl } from '../../collector/src/control-client.ts'
import { controlFile } from '../../collector/src/control-server.ts'
import { CollectorProcess, testKeys } from '../../collector/test/collector-process.ts'
import { untilAtRest } from '../../collector/test/read-side.ts'
import { controlFaultOf, faultOf, type HttpAnswer } from './answers.ts'
import { controlDraft } from './control-corpus.ts'
import { type Draft, draftOf } from './corpus.ts'
import { Exchange } from './exchange.ts'
import { fuzzedRequest } from './mutate-request.ts'
import { Choices } from './random.ts'
import { storedOnce } from './stored-once.ts'

/** What strangers reach, or the operator's door, which asks for its token. */
export const surfaces = ['public', 'control'] as const

export interface FuzzOptions {
  readonly surface: (typeof surfaces)[number]
  readonly seed: number
  /** The first number, and one behind the last. */
  readonly from: number
  readonly to: number
  readonly connections: number
  readonly progress?: (done: number) => void
}

export interface FuzzReport {
  readonly requests: number
  /** Requests by status; 0: closed without an answer. */
  readonly statuses: ReadonlyMap<number, number>
  /** Events by result. */
  readonly results: ReadonlyMap<string, number>
  /** What is wrong, each with the request's number where it is one request's. */
  readonly defects: readonly string[]
}

const defectsMax = 20
const otherWorkspace = 'other'

interface Surface {
  readonly url: string
  readonly draftOf: (choices: Choices, index: number) => Draft
  readonly faultOf: (answer: HttpAnswer, method: string) => string | null
}

/** Sends the requests to a collector of its own, then looks for every event that was answered `ok`. */
export async function runFuzz(options: FuzzOptions): Promise<FuzzReport> {
  const data = mkdtempSync(join(tmpdir(), 'millrace-fuzz-'))
  const collector = new CollectorProcess(data, ['--object-delay-ms', '200', '--load-delay-ms', '200', '--region', 'GB'])
  try {
    await collector.start()
    const control = await connectControl(data)
    if (control === null) throw new Error('the collector cannot be reached')
    const surface = options.surface === 'public' ? await publicSurface(collector.url, control) : await controlSurface(data, control)
    const before = collector.processes().map(({ pid }) => pid).join()
    const tally = new Tally()
    // Whatever is done to the other workspace: these stay as they are.
    if (options.surface === 'control') tally.countEvents(await sendKnown(collector.url))
    await sendAll(surface, options, tally)
    const status = await untilAtRest(() => collector.url, testKeys.secretKey, { accepted: tally.events, withinMs: 120_000 }).catch((error: unknown) => {
      tally.defect(String(error))
      return null
    })
    if (status?.agree === false) tally.defect(`the tiers disagree: ${JSON.stringify(status.totals)}`)
    for (const defect of await storedOnce({ url: collector.url, secretKey: testKeys.secretKey, control }, tally.ok)) tally.defect(defect)
    if (collector.processes().map(({ pid }) => pid).join() !== before) tally.defect('a process ended and was started again')
    for (const line of collector.printed.split('\n')) if (line.includes('"level":"error"')) tally.defect(`printed: ${line.slice(0, 500)}`)
    if (await collector.stop() !== 0) tally.defect('it did not stop in order')
    return { requests: options.to - options.from, statuses: tally.statuses, results: tally.results, defects: tally.defects }
  } finally {
    await collector.stop()
    rmSync(data, { recursive: true })
  }
}

async function publicSurface(url: string, control: ControlClient): Promise<Surface> {
  const other: unknown = await control.call('createKeys', { workspace: otherWorkspace })
  const keys = { ...testKeys, otherSecretKey: String(Reflect.get(Object(other), 'secretKey')) }
  return { url, draftOf: (choices, index) => draftOf(choices, index, keys), faultOf }
}

async function controlSurface(data: string, control: ControlClient): Promise<Surface> {
  await control.call('createKeys', { workspace: otherWorkspace })
  const target: unknown = await control.call('importTarget', { workspace: otherWorkspace })
  const file: unknown = JSON.parse(readFileSync(controlFile(data), 'utf8'))
  const field = (name: string): string => String(Reflect.get(Object(file), name))
  const about = { token: field('token'), workspace: otherWorkspace, workspaceNumber: Number(Reflect.get(Object(target), 'workspace')) }
  return { url: field('url'), draftOf: (choices, index) => controlDraft(choices, index, about), faultOf: controlFaultOf }
}

async function sendKnown(url: string): Promise<HttpAnswer> {
  const batch = Array.from({ length: 50 }, (_, index) => ({ type: 'track', event: 'Product Viewed', messageId: `known-${index}`, userId: `known-${index % 7}` }))
  const response = await fetch(`${url}/v1/batch`, { method: 'POST', headers: { 'x-write-key': testKeys.writeKey }, body: JSON.stringify({ batch }) })
  return { status: response.status, headers: new Map(), body: Buffer.from(await response.arrayBuffer()) }
}

async function sendAll(surface: Surface, options: FuzzOptions, tally: Tally): Promise<void> {
  let next = options.from
  const work = async (): Promise<void> => {
    const exchange = new Exchange(Number(new URL(surface.url).port))
    for (let index = next; index < options.to && tally.defects.length < defectsMax; index = next) {
      next += 1
      await sendOne(exchange, index, { seed: options.seed, surface, tally })
      if (index % 1_000 === 0) options.progress?.(index)
    }
    exchange.close()
  }
  await Promise.all(Array.from({ length: options.connections }, work))
}

async function sendOne(exchange: Exchange, index: number, { seed, surface, tally }: { seed: number; surface: Surface; tally: Tally }): Promise<void> {
  const choices = new Choices(seed, index)
  const request = fuzzedRequest(choices, surface.draftOf(choices, index))
  try {
    let answers = await exchange.send(request)
    // A kept connection may have been closed meanwhile; a new one may not.
    if (answers.length === 0 && request.framed) answers = await exchange.send(request)
    if (answers.length === 0 && request.framed) tally.defect(`request ${index}: no answer`)
    tally.count(answers)
    for (const answer of answers) {
      const fault = surface.faultOf(answer, request.method)
      if (fault !== null) tally.defect(`request ${index}: ${fault}`)
      if (request.ingest) tally.countEvents(answer)
    }
  } catch (error) {
    tally.defect(`request ${index}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

class Tally {
  readonly statuses = new Map<number, number>()
  readonly results = new Map<string, number>()
  readonly defects: string[] = []
  /** Message ids of events that were answered `ok`. */
  readonly ok = new Set<string>()
  /** Results of any kind: each is an event in the log. */
  events = 0

  defect(text: string): void {
    this.defects.push(text)
  }

  count(answers: readonly HttpAnswer[]): void {
    for (const status of answers.length === 0 ? [0] : answers.map((answer) => answer.status)) this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1)
  }

  countEvents({ status, body }: HttpAnswer): void {
    if (status !== 200 || body.length === 0) return
    const value: unknown = JSON.parse(body.toString())
    const results: unknown = Reflect.get(Object(value), 'results')
    if (!Array.isArray(results)) return
    for (const entry of results) {
      const result = String(Reflect.get(Object(entry), 'result'))
      this.results.set(result, (this.results.get(result) ?? 0) + 1)
      this.events += 1
      if (result === 'ok') this.ok.add(String(Reflect.get(Object(entry), 'messageId')))
    }
  }
}
