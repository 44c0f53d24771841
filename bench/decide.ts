/**
 * What deciding costs alone, in microseconds of processor time an event: retail events in batches through the pump's own code on
 * SQLite, in turns with a bare straight-line program over the same events.
 * `--file PATH` (the example's sample unless told), `--events N` (100,000), `--batch N` events a transaction (4,000).
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { defaultIdentitySettings } from '../collector/src/identity/identity-settings.ts'
import { acceptEvents } from '../collector/src/ingest/accept-events.ts'
import { decodeBody } from '../collector/src/ingest/decode-body.ts'
import { readEnvelope } from '../collector/src/ingest/read-envelope.ts'
import { systemClock } from '../collector/src/platform/clock.ts'
import type { LogRecord } from '../collector/src/ports/log.ts'
import { encodeObject } from '../collector/src/pump/archive-object.ts'
import { decideBatch } from '../collector/src/pump/decide.ts'
import { readRecord } from '../collector/src/pump/read-record.ts'
import { SqliteOltp } from '../collector/src/stores/oltp/sqlite/sqlite-oltp.ts'
import { BareProgram } from './spine/bare-program.ts'
import { retailBatches } from './spine/retail-batches.ts'

const { values } = parseArgs({
  options: {
    file: { type: 'string', default: new URL('../examples/data/online-retail-sample.csv.gz', import.meta.url).pathname },
    events: { type: 'string', default: '100000' },
    batch: { type: 'string', default: '4000' },
  },
})
const eventsMax = Number(values.events)
const batchEvents = Number(values.batch)
const context = { settings: defaultIdentitySettings, identityKey: Buffer.alloc(32, 1), clock: systemClock }

interface Batch {
  readonly records: readonly LogRecord[]
  /** What was sent. */
  readonly bodies: readonly string[]
}

/** As the log has them: records of 500 events at most, whole batches of them. */
async function* logged(): AsyncGenerator<Batch> {
  let batch: LogRecord[] = []
  let bodies: string[] = []
  let events = 0
  for await (const { body } of retailBatches(values.file, { eventsPerBatch: Math.min(500, batchEvents), times: 1_000 })) {
    const lines = acceptEvents(readEnvelope(decodeBody(Buffer.from(body), undefined), 'batch'), {
      workspace: 1, trust: 'secret', receivedAt: Date.now(), route: 'batch', identity: context.settings, newMessageId: () => 'none',
    }).map(({ line }) => line)
    const position = String(events).padStart(12, '0')
    batch.push({ partition: 0, position, appendedAt: Date.now(), events: lines.length, sequence: events, payload: Buffer.from(lines.join('')) })
    events += lines.length
    bodies.push(body)
    if (batch.length * 500 >= batchEvents || events >= eventsMax) {
      yield { records: batch, bodies }
      batch = []
      bodies = []
    }
    if (events >= eventsMax) return
  }
}

/** Microseconds of processor time by what they were spent on. */
class Costs {
  readonly #spent = new Map<string, number>()

  async of<T>(name: string, work: () => T | Promise<T>): Promise<T> {
    const before = process.cpuUsage()
    const result = await work()
    const { user, system } = process.cpuUsage(before)
    this.#spent.set(name, (this.#spent.get(name) ?? 0) + user + system)
    return result
  }

  rows(events: number): readonly string[] {
    const all = [...this.#spent.values()].reduce((sum, us) => sum + us, 0)
    return [...this.#spent, ['all', all] as const].map(([name, us]) => row(name, us / events))
  }
}

function row(name: string, us: number): string {
  return `  ${name.padEnd(12)}${us.toFixed(2).padStart(8)}`
}

const directory = mkdtempSync(join(tmpdir(), 'millrace-decide-'))
try {
  const oltp = new SqliteOltp(join(directory, 'millrace.db'))
  await oltp.migrate()
  await oltp.createWorkspace('bench', Date.now())
  const { fence } = await oltp.claimPartition(0, 'pump')
  const bare = new BareProgram()
  const own = new Costs()
  let events = 0
  for await (const { records, bodies } of logged()) {
    const parsed = await own.of('parse', () => records.flatMap((record) => readRecord(record)))
    const { row, lines } = await own.of('decide', () => oltp.decide(fence, (transaction) => decideBatch(transaction, { records, events: parsed }, context)))
    await own.of('archive', () => encodeObject([row], [lines]))
    await bare.run(bodies)
    events += row.stored
  }
  console.log([`${events} events stored, ${batchEvents} a transaction; processor time, µs/event`, ...own.rows(events), 'bare program', ...[...bare.costs()].map(([stage, us]) => row(stage, us))].join('\n'))
  bare.close()
  await oltp.close()
} finally {
  rmSync(directory, { recursive: true })
}
