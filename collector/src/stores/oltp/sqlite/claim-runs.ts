import { randomBytes } from 'node:crypto'
import type { Row } from '../row.ts'
import { bytesOf, numberOf } from '../row.ts'
import { ClaimFilter, filterClaimsMax } from './claim-filter.ts'
import type { Connection } from './connection.ts'

interface KeyOfWorkspace {
  readonly workspace: number
  readonly key: Buffer
}

export interface ClaimOfKey extends KeyOfWorkspace {
  readonly identifier: Buffer | null
}

interface Run {
  readonly run: number
  readonly week: number
  /** In the filter. */
  readonly slot: number
  readonly open: boolean
  claims: number
}

export interface ClaimBounds {
  /** Claims of one run; a run that has so many is closed. */
  readonly runClaimsMax: number
  /** Runs that the filter holds; an older one is asked for every key. */
  readonly filteredRunsMax: number
}

/** Of claims of history, which are never forgotten: after every week that can be. */
export const sourceWeek = 2 ** 31

/** 134 million claims in 256 MB of memory. */
const defaultBounds: ClaimBounds = Object.freeze({ runClaimsMax: filterClaimsMax, filteredRunsMax: 1_024 })

/**
 * Claims of message ids in runs of 131,072: a claim is inserted among the newest ones, so a batch touches the few pages of the newest run,
 * however many claims there are, where a tree of all of them has a page to itself for nearly every random id. A look-up asks
 * a filter in memory, and the store only where that says maybe.
 *
 * A run is open, the one of its week that claims go into, until it is full; then it is closed: its filter is stored, and
 * nothing is ever added. The filter in memory may know of claims that were rolled back, and must know of every one
 * that is stored. So whoever changes claims leaves a mark of its own in the same transaction, and whoever finds another's mark, or
 * its own rolled back, starts anew. Everything but {@link find} belongs into a transaction that writes.
 */
export class ClaimRuns {
  readonly #connection: Connection
  readonly #bounds: ClaimBounds
  /** Of this object: another one, in this process or another, has another. */
  readonly #mark = randomBytes(16)
  #filter = new ClaimFilter()
  /** By number, rising; null where they must be read. */
  #runs: Run[] | null = null
  #slots = new Map<number, Run>()
  #unfiltered: readonly Run[] = []
  /** Runs whose claims the filter has, to their slots. */
  #loaded = new Map<number, number>()
  /** Slots that were in use and are empty. */
  #free: number[] = []

  constructor(connection: Connection, bounds: ClaimBounds = defaultBounds) {
    this.#connection = connection
    this.#bounds = bounds
  }

  known(keys: readonly KeyOfWorkspace[]): boolean[] {
    this.#refresh()
    const candidates: number[] = []
    return keys.map(({ workspace, key }) => {
      candidates.length = 0
      this.#filter.candidates(key, candidates)
      for (const slot of candidates) {
        const run = this.#slots.get(slot)
        if (run !== undefined && this.#has(run, workspace, key)) return true
      }
      return this.#unfiltered.some((run) => this.#has(run, workspace, key))
    })
  }

  /** By asking every run, newest first: a reader has no filter. */
  find(workspace: number, key: Buffer): Row | undefined {
    const runs = this.#connection.all('SELECT run, week FROM claim_run ORDER BY run DESC')
    for (const run of runs) {
      const week = numberOf(run, 'week')
      const row = this.#connection.get(`SELECT partition, batch, identifier_key FROM ${tableOf(week)}
        WHERE run = ? AND workspace = ? AND message_key = ?`, numberOf(run, 'run'), workspace, key)
      if (row !== undefined) return row
    }
    return undefined
  }

  /** `claims` in order of workspace and key, or nearly. Fails where one of them is in the newest run already. */
  add(week: number, claims: readonly ClaimOfKey[], { partition, batch }: { readonly partition: number; readonly batch: number }): void {
    this.#refresh()
    for (let from = 0; from < claims.length;) {
      const run = this.#openRun(week)
      const part = claims.slice(from, from + this.#bounds.runClaimsMax - run.claims)
      const statement = this.#connection.statement(
        `INSERT INTO ${tableOf(week)} (run, workspace, message_key, partition, batch, identifier_key) VALUES (?, ?, ?, ?, ?, ?)`)
      for (const { workspace, key, identifier } of part) {
        statement.run(run.run, workspace, key, partition, batch, identifier)
        this.#filter.add(run.slot, key)
      }
      run.claims += part.length
      from += part.length
      if (run.claims >= this.#bounds.runClaimsMax) this.#close(run)
    }
  }

  /** Drops the weeks up to one. */
  prune(lastWeek: number): void {
    this.#refresh()
    const weeks = this.#connection.all('SELECT DISTINCT week FROM claim_run WHERE week <= ?', lastWeek).map((row) => numberOf(row, 'week'))
    if (weeks.length === 0) return
    for (const week of weeks) this.#connection.exec(`DROP TABLE IF EXISTS ${tableOf(week)}`)
    this.#connection.run('DELETE FROM claim_run WHERE week <= ?', lastWeek)
    this.#startAnew()
  }

  /** After a rollback: what the filter has too much does no harm, but runs may be open again. */
  forget(): void {
    this.#runs = null
  }

  #has({ run, week }: Run, workspace: number, key: Buffer): boolean {
    return this.#connection.get(`SELECT 1 FROM ${tableOf(week)} WHERE run = ? AND workspace = ? AND message_key = ?`, run, workspace, key) !== undefined
  }

  #refresh(): void {
    const row = this.#connection.get('SELECT mark FROM claim_mark WHERE id = 1')
    if (row === undefined || !this.#mark.equals(bytesOf(row, 'mark'))) {
      this.#startAnew()
      this.#connection.run('INSERT INTO claim_mark (id, mark) VALUES (1, ?) ON CONFLICT DO UPDATE SET mark = excluded.mark', this.#mark)
    }
    this.#runs ??= this.#read()
  }

  #startAnew(): void {
    this.#filter = new ClaimFilter()
    this.#loaded = new Map()
    this.#free = []
    this.#runs = null
  }

  #read(): Run[] {
    const rows = this.#connection.all('SELECT run, week, key_filter IS NULL AS open FROM claim_run ORDER BY run')
      .map((row) => ({ run: numberOf(row, 'run'), week: numberOf(row, 'week'), open: numberOf(row, 'open') === 1 }))
    const filtered = new Set(rows.filter(({ open }, index) => open || index >= rows.length - this.#bounds.filteredRunsMax).map(({ run }) => run))
    for (const [run, slot] of this.#loaded) {
      if (filtered.has(run)) continue
      this.#filter.clear(slot)
      this.#free.push(slot)
      this.#loaded.delete(run)
    }
    const runs = rows.map((row) => ({
      ...row, slot: filtered.has(row.run) ? this.#slotOf(row) : -1, claims: row.open ? this.#count(row.run, row.week) : this.#bounds.runClaimsMax,
    }))
    this.#slots = new Map(runs.map((run) => [run.slot, run]))
    this.#unfiltered = runs.filter(({ slot }) => slot < 0)
    return runs
  }

  #slotOf(row: Pick<Run, 'run' | 'week' | 'open'>): number {
    const known = this.#loaded.get(row.run)
    if (known !== undefined) return known
    const slot = this.#free.pop() ?? this.#loaded.size
    this.#load(slot, row)
    this.#loaded.set(row.run, slot)
    return slot
  }

  #load(slot: number, { run, week, open }: Pick<Run, 'run' | 'week' | 'open'>): void {
    if (open) {
      for (const row of this.#connection.all(`SELECT message_key FROM ${tableOf(week)} WHERE run = ?`, run)) this.#filter.add(slot, bytesOf(row, 'message_key'))
    } else {
      this.#filter.load(slot, bytesOf(this.#connection.get('SELECT key_filter FROM claim_run WHERE run = ?', run) ?? {}, 'key_filter'))
    }
  }

  #count(run: number, week: number): number {
    return numberOf(this.#connection.get(`SELECT count(*) AS claims FROM ${tableOf(week)} WHERE run = ?`, run) ?? {}, 'claims')
  }

  #openRun(week: number): Run {
    const runs = this.#runs ??= this.#read()
    const found = runs.findLast((run) => run.open && run.week === week)
    if (found !== undefined) return found
    this.#connection.exec(`CREATE TABLE IF NOT EXISTS ${tableOf(week)} (
      run INTEGER NOT NULL, workspace INTEGER NOT NULL, message_key BLOB NOT NULL, partition INTEGER NOT NULL, batch INTEGER NOT NULL,
      identifier_key BLOB, PRIMARY KEY (run, workspace, message_key)) STRICT, WITHOUT ROWID`)
    const run = (runs.at(-1)?.run ?? 0) + 1
    this.#connection.run('INSERT INTO claim_run (run, week, key_filter) VALUES (?, ?, NULL)', run, week)
    this.#runs = this.#read()
    return this.#openRun(week)
  }

  #close({ run, slot }: Run): void {
    this.#connection.run('UPDATE claim_run SET key_filter = ? WHERE run = ?', this.#filter.save(slot), run)
    this.#runs = null
  }
}

export function tableOf(week: number): string {
  return week === sourceWeek ? 'source_claim' : `event_claim_${week}`
}
