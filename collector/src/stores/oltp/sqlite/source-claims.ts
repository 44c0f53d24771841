import { bytesOf, numberOf } from '../row.ts'
import { ClaimFilter } from './claim-filter.ts'
import { sourceWeek, tableOf } from './claim-runs.ts'
import type { Connection } from './connection.ts'

/** 33 million claims in 64 MB of memory; an older run is asked for every key. */
const filteredRunsMax = 256

/**
 * What history has claimed, for a connection that only reads: a closed run and its filter never change and are never dropped, so a
 * filter once read stays true, and only runs that are not closed yet are asked for every key.
 */
export class SourceClaims {
  readonly #connection: Connection
  readonly #filter = new ClaimFilter()
  /** By slot of the filter. */
  readonly #filtered: number[] = []

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /** Belongs into a reading of one moment. */
  known(workspace: number, keys: readonly Buffer[]): boolean[] {
    const others = this.#refresh()
    if (this.#filtered.length === 0 && others.length === 0) return keys.map(() => false)
    const table = tableOf(sourceWeek)
    const statement = this.#connection.statement(`SELECT 1 FROM ${table} WHERE run = ? AND workspace = ? AND message_key = ?`)
    const candidates: number[] = []
    return keys.map((key) => {
      candidates.length = 0
      this.#filter.candidates(key, candidates)
      const has = (run: number | undefined): boolean => run !== undefined && statement.get(run, workspace, key) !== undefined
      return others.some(has) || candidates.some((slot) => has(this.#filtered[slot]))
    })
  }

  /** Answers the runs that have no filter here. */
  #refresh(): readonly number[] {
    const runs = this.#connection.all('SELECT run, key_filter IS NULL AS open FROM claim_run WHERE week = ? ORDER BY run', sourceWeek)
    const known = new Set(this.#filtered)
    const others: number[] = []
    for (const row of runs) {
      const run = numberOf(row, 'run')
      if (known.has(run)) continue
      if (numberOf(row, 'open') === 1 || this.#filtered.length >= filteredRunsMax) {
        others.push(run)
        continue
      }
      this.#filter.load(this.#filtered.length, bytesOf(this.#connection.get('SELECT key_filter FROM claim_run WHERE run = ?', run) ?? {}, 'key_filter'))
      this.#filtered.push(run)
    }
    return others
  }
}
