/**
 * What deciding costs alone, in microseconds of processor time an event: retail events in batches through the pump's own code on
 * SQLite, in turns with a bare straight-line program that parses them and writes a claim, a timeline row, an identifier and a profile.
 * `--file PATH` (the example's sample unless told), `--events N` (100,000), `--batch N` events a transaction (4,000).
 */
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { parseArgs } from 'node:util'
import { defaultIdentitySettings } from '../collector/src/identity/identity-settings.ts'
import { acceptEvents } from '../collector/src/ingest/accept-events.ts'
import { decodeBody } from '../collector/src/ingest/decode-body.ts'
import { readEnvelope } from '../collector/src/ingest/read-envelope.ts'
import { systemClock } from '../collector/src/platform/clock.ts'
import type { LogRecord } from '../collector/src/ports/log.ts'
import { encodeObject, objectName } from '../collector/src/pump/archive-object.ts'
import { decideBatch } from '../collector/src/pump/decide.ts'
import { readRecord } from '../collector/src/pump/read-record.ts'
import { SqliteOltp } from '../collector/src/stores/oltp/sqlite/sqlite-oltp.ts'
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

/** As the log has them: records of 500 events at most, whole batches of them. */
async function* logged(): AsyncGenerator<readonly LogRecord[]> {
  let batch: LogRecord[] = []
  let events = 0
  for await (const { body } of retailBatches(values.file, { eventsPerBatch: Math.min(500, batchEvents), times: 1_000 })) {
    const lines = acceptEvents(readEnvelope(decodeBody(Buffer.from(body), undefined), 'batch'), {
      workspace: 1, trust: 'secret', receivedAt: Date.now(), route: 'batch', identity: context.settings, newMessageId: () => 'none',
    }).map(({ line }) => line)
    const position = String(events).padStart(12, '0')
    batch.push({ partition: 0, position, appendedAt: Date.now(), events: lines.length, sequence: events, payload: Buffer.from(lines.join('')) })
    events += lines.length
    if (batch.length * 500 >= batchEvents || events >= eventsMax) {
      yield batch
      batch = []
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
    return [...this.#spent, ['all', all] as const].map(([name, us]) => `  ${name.padEnd(10)}${(us / events).toFixed(2).padStart(8)}`)
  }
}

/** The least that could be done with the same events. */
class BareProgram {
  readonly #database: DatabaseSync

  constructor(path: string) {
    this.#database = new DatabaseSync(path)
    this.#database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 32768; PRAGMA cache_size = -131072;
      CREATE TABLE claim (key BLOB PRIMARY KEY) WITHOUT ROWID;
      CREATE TABLE timeline (identifier BLOB, time INTEGER, id TEXT, properties TEXT, PRIMARY KEY (identifier, time, id)) WITHOUT ROWID;
      CREATE TABLE identifier (identifier BLOB PRIMARY KEY, profile BLOB) WITHOUT ROWID;
      CREATE TABLE profile (profile BLOB PRIMARY KEY, version INTEGER) WITHOUT ROWID;`)
  }

  parse(records: readonly LogRecord[]): readonly unknown[] {
    return records.flatMap(({ payload }) => Buffer.from(payload).toString().split('\n').filter((line) => line !== '')
      .map((line): unknown => JSON.parse(line.slice(line.indexOf('\t') + 1))))
  }

  decide(events: readonly unknown[]): void {
    const claim = this.#database.prepare('INSERT OR IGNORE INTO claim VALUES (?)')
    const moment = this.#database.prepare('INSERT INTO timeline VALUES (?, ?, ?, ?)')
    const identifier = this.#database.prepare('INSERT OR IGNORE INTO identifier VALUES (?, ?)')
    const profile = this.#database.prepare('INSERT INTO profile VALUES (?, 1) ON CONFLICT DO UPDATE SET version = version + 1')
    this.#database.exec('BEGIN IMMEDIATE')
    for (const event of events) {
      const { messageId, userId, anonymousId, timestamp, properties } = Object(event)
      if (claim.run(hashed(String(messageId))).changes === 0) continue
      const who = hashed(String(userId ?? anonymousId))
      moment.run(who, Date.parse(String(timestamp)), String(messageId), JSON.stringify(properties))
      identifier.run(who, who)
      profile.run(who)
    }
    this.#database.exec('COMMIT')
  }

  close(): void {
    this.#database.close()
  }
}

function hashed(text: string): Buffer {
  return createHash('sha256').update(text).digest().subarray(0, 16)
}

const directory = mkdtempSync(join(tmpdir(), 'millrace-decide-'))
try {
  const oltp = new SqliteOltp(join(directory, 'millrace.db'))
  await oltp.migrate()
  await oltp.createWorkspace('bench', Date.now())
  const { fence } = await oltp.claimPartition(0, 'pump')
  const bare = new BareProgram(join(directory, 'bare.db'))
  const own = new Costs()
  const floor = new Costs()
  let events = 0
  for await (const records of logged()) {
    const parsed = await own.of('parse', () => records.flatMap((record) => readRecord(record)))
    const { row, lines } = await own.of('decide', () => oltp.decide(fence, (transaction) => decideBatch(transaction, { records, events: parsed }, context)))
    await own.of('archive', () => encodeObject(objectName([row]), [row], [lines]))
    const bareEvents = await floor.of('parse', () => bare.parse(records))
    await floor.of('decide', () => bare.decide(bareEvents))
    events += row.stored
  }
  console.log([`${events} events stored, ${batchEvents} a transaction; processor time, µs/event`, ...own.rows(events), 'bare program', ...floor.rows(events)].join('\n'))
  bare.close()
  await oltp.close()
} finally {
  rmSync(directory, { recursive: true })
}
