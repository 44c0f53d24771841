import { createHash } from 'node:crypto'
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { gzipSync } from 'node:zlib'
import { EngineSessions } from '../../collector/src/stores/olap/engine/engine-sessions.ts'

/** A stage of the whole path. */
export const stages = ['edge', 'log', 'parse again', 'decide', 'archive', 'rows', 'insert'] as const
export type Stage = (typeof stages)[number]

interface BareEvent {
  readonly id: string
  readonly who: Buffer
  readonly time: number
  readonly text: string
  readonly properties: object
}

const eventsPerTransaction = 4_000
const engineBytesMax = 1_073_741_824

/**
 * The least that could be done with the same events: a straight-line program without HTTP, identity or any answer to what may go wrong. What
 * it takes beside a collector is each stage's floor on the same machine at the same time.
 */
export class BareProgram {
  readonly #directory = mkdtempSync(join(tmpdir(), 'millrace-bare-'))
  readonly #log = openSync(join(this.#directory, 'log'), 'w')
  readonly #database = new DatabaseSync(join(this.#directory, 'bare.db'))
  readonly #spent = new Map<Stage, number>()
  #engine: EngineSessions | null = null
  #events = 0

  constructor() {
    this.#database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 32768; PRAGMA cache_size = -131072;
      CREATE TABLE claim (key BLOB PRIMARY KEY) WITHOUT ROWID;
      CREATE TABLE timeline (identifier BLOB, time INTEGER, id TEXT, properties TEXT, PRIMARY KEY (identifier, time, id)) WITHOUT ROWID;
      CREATE TABLE identifier (identifier BLOB PRIMARY KEY, profile BLOB) WITHOUT ROWID;
      CREATE TABLE profile (profile BLOB PRIMARY KEY, version INTEGER) WITHOUT ROWID;`)
  }

  /** `bodies`: of the batch route. */
  async run(bodies: Iterable<string>): Promise<void> {
    const engine = await this.#openEngine()
    let texts: string[] = []
    for (const body of bodies) {
      texts.push(...this.#of('edge', () => written(body)))
      if (texts.length < eventsPerTransaction) continue
      await this.#take(texts, engine)
      texts = []
    }
    if (texts.length > 0) await this.#take(texts, engine)
  }

  /** Microseconds of processor time an event. */
  costs(): ReadonlyMap<Stage, number> {
    return new Map(stages.map((stage) => [stage, (this.#spent.get(stage) ?? 0) / Math.max(1, this.#events)]))
  }

  close(): void {
    this.#engine?.close()
    this.#database.close()
    closeSync(this.#log)
    rmSync(this.#directory, { recursive: true })
  }

  async #openEngine(): Promise<EngineSessions> {
    if (this.#engine !== null) return this.#engine
    this.#engine = await EngineSessions.open({ directory: join(this.#directory, 'engine'), memoryBytesMax: engineBytesMax })
    await statement(this.#engine, `CREATE TABLE IF NOT EXISTS default.event (metric LowCardinality(String), identifier String, time DateTime64(3, 'UTC'), id String,
      properties String CODEC(ZSTD(1)), value Float64) ENGINE = MergeTree PARTITION BY toYYYYMM(time) ORDER BY (metric, identifier, time)`)
    return this.#engine
  }

  async #take(texts: readonly string[], engine: EngineSessions): Promise<void> {
    this.#events += texts.length
    this.#of('log', () => {
      writeSync(this.#log, texts.join('\n'))
      fdatasyncSync(this.#log)
    })
    const events = this.#of('parse again', () => texts.map(read))
    this.#of('decide', () => this.#decide(events))
    this.#of('archive', () => writeFileSync(join(this.#directory, `${this.#events}.gz`), gzipSync(texts.join('\n'))))
    const rows = this.#of('rows', () => Buffer.from(events.map(rowOf).join('\n')))
    const before = process.cpuUsage()
    writeFileSync(join(this.#directory, 'rows'), rows)
    await statement(engine, `INSERT INTO default.event SELECT * FROM file('${join(this.#directory, 'rows')}', 'JSONEachRow')`)
    this.#spend('insert', before)
  }

  #decide(events: readonly BareEvent[]): void {
    const claim = this.#database.prepare('INSERT OR IGNORE INTO claim VALUES (?)')
    const moment = this.#database.prepare('INSERT INTO timeline VALUES (?, ?, ?, ?)')
    const identifier = this.#database.prepare('INSERT OR IGNORE INTO identifier VALUES (?, ?)')
    const profile = this.#database.prepare('INSERT INTO profile VALUES (?, 1) ON CONFLICT DO UPDATE SET version = version + 1')
    this.#database.exec('BEGIN IMMEDIATE')
    for (const { id, who, time, properties } of events) {
      if (claim.run(hashed(id)).changes === 0) continue
      moment.run(who, time, id, JSON.stringify(properties))
      identifier.run(who, who)
      profile.run(who)
    }
    this.#database.exec('COMMIT')
  }

  #of<T>(stage: Stage, work: () => T): T {
    const before = process.cpuUsage()
    const result = work()
    this.#spend(stage, before)
    return result
  }

  #spend(stage: Stage, before: NodeJS.CpuUsage): void {
    const { user, system } = process.cpuUsage(before)
    this.#spent.set(stage, (this.#spent.get(stage) ?? 0) + user + system)
  }
}

/** Parses a body, checks its events and writes each anew. */
function written(body: string): readonly string[] {
  const { batch } = Object(JSON.parse(body))
  if (!Array.isArray(batch)) throw new TypeError('the body has no batch')
  return batch.map((event: unknown) => {
    const { type, messageId, timestamp } = Object(event)
    if (typeof type !== 'string' || typeof messageId !== 'string' || Number.isNaN(Date.parse(String(timestamp)))) throw new TypeError('the event is none')
    return JSON.stringify(event)
  })
}

function read(text: string): BareEvent {
  const { messageId, userId, anonymousId, timestamp, properties } = Object(JSON.parse(text))
  return { id: String(messageId), who: hashed(String(userId ?? anonymousId)), time: Date.parse(String(timestamp)), text, properties: Object(properties) }
}

function rowOf({ id, who, time, properties }: BareEvent): string {
  return JSON.stringify({
    metric: 'Ordered Product', identifier: who.toString('hex'), time: new Date(time).toISOString().slice(0, -1).replace('T', ' '), id,
    properties: JSON.stringify(properties), value: Number(Reflect.get(properties, 'value')),
  })
}

function hashed(text: string): Buffer {
  return createHash('sha256').update(text).digest().subarray(0, 16)
}

async function statement(engine: EngineSessions, sql: string): Promise<void> {
  await engine.run({ sql, insert: null, database: null, queryId: null, format: 'TabSeparated', params: new Map(), settings: new Map() })
}
