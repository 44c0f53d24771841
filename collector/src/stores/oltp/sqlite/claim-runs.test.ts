import fc from 'fast-check'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { propertySettings } from '../../../../test/property-settings.ts'
import { messageKey, uuidText } from '../../../platform/uuid.ts'
import { eventPeriodMs } from '../event-period.ts'
import { ClaimFilter, filterClaimsMax } from './claim-filter.ts'
import { Connection } from './connection.ts'
import { EventPeriods } from './event-periods.ts'
import { migrations } from './schema.ts'

/** So small that a short history closes runs, and has more of them than the filter holds. */
const bounds = { runClaimsMax: 7, filteredRunsMax: 3 }
const connections = 3
const firstWeek = 2_900

/** One writer of the database; another one may have it open too. */
class Writer {
  readonly connection: Connection
  readonly #periods: EventPeriods

  constructor(path: string, claimBounds = bounds) {
    this.connection = new Connection({ path, readOnly: false })
    this.connection.exec('PRAGMA synchronous = OFF')
    this.#periods = new EventPeriods(this.connection, claimBounds)
  }

  transaction<T>(work: (periods: EventPeriods) => T, commit = true): T {
    this.connection.exec('BEGIN IMMEDIATE')
    const result = work(this.#periods)
    if (!commit) this.#periods.forget()
    this.connection.exec(commit ? 'COMMIT' : 'ROLLBACK')
    return result
  }
}

/** What the claims are: a message id of a workspace, to the week it is kept for; a set that forgets by weeks, and nothing else. */
class PlainClaims {
  #weeks: ReadonlyMap<string, number> = new Map()

  known(id: string): boolean {
    return this.#weeks.has(id)
  }

  /** Whether it is of history, which is kept for ever. */
  isSourced(id: string): boolean {
    return this.#weeks.get(id) === Infinity
  }

  ids(): readonly string[] {
    return [...this.#weeks.keys()]
  }

  with(ids: readonly (readonly [string, number])[]): PlainClaims {
    return this.#replaced([...this.#weeks, ...ids])
  }

  without(lastWeek: number): PlainClaims {
    return this.#replaced([...this.#weeks].filter(([, week]) => week > lastWeek))
  }

  #replaced(entries: readonly (readonly [string, number])[]): PlainClaims {
    const claims = new PlainClaims()
    claims.#weeks = new Map(entries)
    return claims
  }
}

let directory = ''
let path = ''
let files = 0
const writers: Writer[] = []

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-claims-'))
  newDatabase()
})

afterEach(() => {
  closeAll()
  rmSync(directory, { recursive: true })
})

function newDatabase(): void {
  files += 1
  path = join(directory, `claims-${files}.db`)
  const connection = new Connection({ path, readOnly: false })
  for (const sql of migrations) connection.exec(sql)
  connection.close()
}

function open(claimBounds = bounds): Writer {
  const writer = new Writer(path, claimBounds)
  writers.push(writer)
  return writer
}

function closeAll(): void {
  for (const { connection } of writers.splice(0)) connection.close()
}

/** Of both forms of key: a UUID is its own, other ids are hashed. */
function messageId(number: number): string {
  return number % 2 === 0 ? uuidText(Buffer.from(number.toString(16).padStart(32, '0'), 'hex')) : `message ${number}`
}

const everyId = Array.from({ length: 121 }, (_, number) => messageId(number))
const parts = { writer: fc.nat(connections - 1), commit: fc.boolean() }
const step = fc.oneof(
  // What the pump does: asks for all ids of a batch, claims those that are new.
  { weight: 12, arbitrary: fc.record({ what: fc.constant('batch' as const), ids: fc.uniqueArray(fc.nat(120), { minLength: 1, maxLength: 25 }), week: fc.nat(4), sourced: fc.boolean(), ...parts }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('prune' as const), week: fc.nat(5), ...parts }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('restart' as const), ...parts }) },
)

describe('claims of message ids', () => {
  it('are what a plain set of them is, over rollbacks, restarts, forgetting and several connections', () => {
    fc.assert(fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), fc.nat(40), (steps, legacy) => {
      closeAll()
      newDatabase()
      let claims = layOutFormer(legacy)
      const open3 = Array.from({ length: connections }, () => open())
      const reader = new EventPeriods(open().connection)
      for (const one of steps) {
        const writer = open3[one.writer] ?? open()
        if (one.what === 'restart') {
          open3[one.writer] = open()
          continue
        }
        const after = writer.transaction((periods) => one.what === 'prune' ? prune(periods, claims, firstWeek + one.week)
          : batch(periods, claims, { ids: one.ids, week: one.sourced ? Infinity : firstWeek + one.week }), one.commit)
        if (one.commit) claims = after
        expect(reader.registered(1, everyId)).toEqual(everyId.map((id) => claims.isSourced(id)))
      }
      expectAll(claims)
    }), propertySettings(60))
  }, 120_000)

  it('are known to who takes over, whatever the one before had in its memory', () => {
    const before = open()
    const next = open()
    const claim = (writer: Writer, ids: readonly string[], commit = true): readonly boolean[] => writer.transaction((periods) => {
      const known = periods.claimed(ids.map((id) => ({ workspace: 1, messageId: id, receivedAt: 0 })))
      periods.claim(claimsOf(ids.filter((_, index) => known[index] !== true), firstWeek), 0, 1)
      return known
    }, commit)
    expect(claim(before, ['a', 'b'])).toEqual([false, false])
    // The first one is slow: it has asked and not yet written when the other takes over.
    expect(claim(next, ['b', 'c'])).toEqual([true, false])
    expect(claim(before, ['c', 'd'], false)).toEqual([true, false])
    expect(claim(next, ['d', 'a'])).toEqual([false, true])
    expect(claim(before, ['a', 'b', 'c', 'd', 'e'])).toEqual([true, true, true, true, false])
    expect(claim(next, ['e'])).toEqual([true])
  })

  it('are looked for in the run that may have them alone, with the bounds of production', () => {
    const writer = open({ runClaimsMax: filterClaimsMax, filteredRunsMax: 1_024 })
    const ids = Array.from({ length: filterClaimsMax + 10 }, (_, number) => messageId(number))
    writer.transaction((periods) => periods.claim(claimsOf(ids, firstWeek), 0, 1))
    const other = open({ runClaimsMax: filterClaimsMax, filteredRunsMax: 1_024 })
    for (const asked of [writer, other]) {
      const known = asked.transaction((periods) => periods.claimed([...ids, 'unknown'].map((id) => ({ workspace: 1, messageId: id, receivedAt: 0 }))))
      expect(known.lastIndexOf(false)).toBe(ids.length)
      expect(known.indexOf(false)).toBe(ids.length)
    }
    expect(Number(writer.connection.get('SELECT count(*) AS runs FROM claim_run WHERE key_filter IS NOT NULL')?.['runs'])).toBe(1)
  }, 60_000)
})

describe('the filter of claims', () => {
  const key = fc.uint8Array({ minLength: 17, maxLength: 17 }).map((bytes) => Buffer.from(bytes))
  const entries = fc.array(fc.tuple(fc.nat(70), key), { maxLength: 60 })

  it('knows every key that was added, also where slots were stored, loaded elsewhere, and others cleared', () => {
    fc.assert(fc.property(entries, fc.nat(70), (added, cleared) => {
      const filter = new ClaimFilter()
      for (const [slot, bytes] of added) filter.add(slot, bytes)
      const loaded = new ClaimFilter()
      for (const slot of new Set(added.map(([at]) => at))) loaded.load(slot, filter.save(slot))
      loaded.clear(cleared)
      for (const [slot, bytes] of added) {
        expect(candidates(filter, bytes)).toContain(slot)
        if (slot !== cleared) expect(candidates(loaded, bytes)).toContain(slot)
        else expect(candidates(loaded, bytes)).not.toContain(slot)
      }
    }), propertySettings(20))
  }, 60_000)

  it('finds a full run for less than one foreign key in 400, numbered ids too', () => {
    const filter = new ClaimFilter()
    const numbered = (number: number): Buffer => Buffer.from(`01${number.toString(16).padStart(32, '0')}`, 'hex')
    for (let number = 0; number < filterClaimsMax; number += 1) filter.add(0, numbered(number))
    let found = 0
    for (let number = 0; number < 40_000; number += 1) found += candidates(filter, numbered(filterClaimsMax + number)).length
    expect(found).toBeLessThan(100)
  })
})

function candidates(filter: ClaimFilter, key: Buffer): readonly number[] {
  const found: number[] = []
  filter.candidates(key, found)
  return found
}

function claimsOf(ids: readonly string[], week: number): Parameters<EventPeriods['claim']>[0] {
  const sourced = week === Infinity
  return ids.map((id) => ({ workspace: 1, messageId: id, receivedAt: sourced ? 0 : week * eventPeriodMs + 5, identifierKey: null, sourced }))
}

/** Claims of a version that had a table a week, and one for history. */
function layOutFormer(claims: number): PlainClaims {
  const writer = open()
  const ids = Array.from({ length: claims }, (_, number) => [messageId(number * 3), number % 5 === 0 ? Infinity : firstWeek + number % 2] as const)
  writer.transaction((periods) => {
    for (const [id] of ids.filter(([, of]) => of === Infinity)) {
      writer.connection.run('INSERT INTO source_register (workspace, message_key, partition, batch, identifier_key) VALUES (1, ?, 0, 1, NULL)', messageKey(id))
    }
    for (const week of new Set(ids.map(([, of]) => of).filter(Number.isFinite))) {
      writer.connection.exec(`CREATE TABLE event_key_${week} (workspace INTEGER NOT NULL, message_key BLOB NOT NULL, partition INTEGER NOT NULL,
        batch INTEGER NOT NULL, identifier_key BLOB, PRIMARY KEY (workspace, message_key)) STRICT, WITHOUT ROWID`)
      writer.connection.run('INSERT INTO event_period (period) VALUES (?)', week)
      periods.claim(claimsOf(ids.filter(([, of]) => of === week).map(([id]) => id), week), 0, 1)
      writer.connection.exec(`INSERT INTO event_key_${week} SELECT workspace, message_key, partition, batch, identifier_key FROM event_claim_${week}`)
      writer.connection.exec(`DROP TABLE event_claim_${week}; DELETE FROM claim_run; DELETE FROM claim_mark`)
    }
  })
  return new PlainClaims().with(ids)
}

function batch(periods: EventPeriods, claims: PlainClaims, { ids, week }: { readonly ids: readonly number[]; readonly week: number }): PlainClaims {
  const refs = ids.map((number) => ({ workspace: 1, messageId: messageId(number), receivedAt: 0 }))
  const known = periods.claimed(refs)
  expect(known).toEqual(refs.map((ref) => claims.known(ref.messageId)))
  const fresh = refs.map((ref) => ref.messageId).filter((_, index) => known[index] !== true)
  periods.claim(claimsOf(fresh, week), 0, 1)
  return claims.with(fresh.map((id) => [id, week]))
}

function prune(periods: EventPeriods, claims: PlainClaims, week: number): PlainClaims {
  periods.prune(week * eventPeriodMs)
  return claims.without(week - 1)
}

/** By a writer that begins, by readers, and one by one. */
function expectAll(claims: PlainClaims): void {
  const writer = open()
  const all = everyId
  const wanted = all.map((id) => claims.known(id))
  expect(writer.transaction((periods) => periods.claimed(all.map((id) => ({ workspace: 1, messageId: id, receivedAt: 0 }))))).toEqual(wanted)
  expect(writer.transaction((periods) => periods.claimed(all.map((id) => ({ workspace: 2, messageId: id, receivedAt: 0 }))))).not.toContain(true)
  const reader = new EventPeriods(writer.connection, bounds)
  expect(all.map((id) => reader.find(1, id) !== null)).toEqual(wanted)
  for (const id of claims.ids()) expect(writer.transaction((periods) => periods.claimed([{ workspace: 1, messageId: id, receivedAt: 0 }]))).toEqual([true])
}
