import { MillraceError } from '../../collector/src/platform/errors.ts'
import { type Olap, type OlapInsert, type OlapRun, type OverrideRow, type PointingRow, rowKey } from '../../collector/src/ports/olap.ts'
import { away, type Link, send } from './request.ts'
import type { Sabotage } from './sabotage.ts'
import { notSimulated } from './not-simulated.ts'
import type { World } from './world.ts'

export interface OlapRow {
  /** As {@link rowKey} names it. */
  readonly key: string
  readonly partition: number
  readonly batch: number
  readonly profileId: string
  readonly identifierKey: string
  readonly month: string
  readonly text: string
}

interface Generation {
  readonly rows: OlapRow[]
  /** Of each month: a part is known by its token. */
  readonly tokens: Set<string>
  /** How many rows each batch has, by `partition/batch`. */
  readonly counts: Map<string, number>
}

/** Rows with it are refused, however often they come. */
export const refusedMark = 'the engine takes no such row'

/** The analytic engine itself. */
export class OlapServer {
  readonly world: World
  readonly sabotage: Sabotage | null
  readonly generations = new Map<number, Generation>()
  readonly overrides = new Map<string, OverrideRow>()
  readonly pointings = new Map<string, PointingRow>()
  shown = 0

  constructor(world: World, sabotage: Sabotage | null) {
    this.world = world
    this.sabotage = sabotage
  }

  generation(generation: number): Generation {
    const found = this.generations.get(generation)
    // No list of passing faults has this one: a person has to look.
    if (found === undefined) throw new MillraceError('internal', `there is no generation ${generation}`)
    return found
  }

  /** Part by part, one of each month; a part is there whole or not at all, and an insert that breaks off leaves those before. */
  async insert({ generation, token, rows: bytes, rowCount }: OlapInsert): Promise<void> {
    const { rows, tokens, counts } = this.generation(generation)
    const read = Buffer.from(bytes).toString('utf8').split('\n').filter((line) => line !== '').map(readRow)
    if (read.length !== rowCount) this.world.violated(`an insert of ${rowCount} rows holds ${read.length}`)
    if (read.some(({ text }) => text.includes(refusedMark))) throw new MillraceError('olap_refused', 'a row cannot be read')
    let first = true
    for (const [month, part] of Map.groupBy(read, (row) => row.month)) {
      if (!first && this.world.choices.chance(0.02)) throw away('olap')
      first = false
      const id = `${month}/${token}`
      if (tokens.has(id) && this.sabotage !== 'no-insert-token') continue
      tokens.add(id)
      for (const row of part) {
        rows.push(row)
        const of = `${row.partition}/${row.batch}`
        counts.set(of, (counts.get(of) ?? 0) + 1)
      }
    }
  }
}

/** What is read of a row of an insert. */
function readRow(text: string): OlapRow {
  const row: Readonly<Record<string, unknown>> = JSON.parse(text)
  return {
    text, key: rowKey(Number(row['workspace']), String(row['message_id'])), partition: Number(row['partition']), batch: Number(row['batch']),
    profileId: String(row['profile_id']), identifierKey: String(row['identifier_key']), month: String(row['time']).slice(0, 7),
  }
}

export class SimulatedOlap implements Olap {
  readonly #link: Link
  readonly #server: OlapServer

  constructor(link: Link, server: OlapServer) {
    this.#link = link
    this.#server = server
  }

  prepare(): Promise<void> {
    return this.#ask('prepare', () => {})
  }

  createGeneration(generation: number): Promise<void> {
    return this.#ask('createGeneration', () => {
      if (!this.#server.generations.has(generation)) this.#server.generations.set(generation, { rows: [], tokens: new Set(), counts: new Map() })
    })
  }

  useGeneration(generation: number): Promise<void> {
    return send(this.#link, {
      // A change of the view that the server makes long after it was asked for is not simulated: nothing could fence it.
      store: 'olap', name: 'useGeneration', instead: { late: 'unknown', twice: 'done' }, perform: () => {
        this.#server.shown = generation
      },
    })
  }

  currentGeneration(): Promise<number> {
    return this.#ask('currentGeneration', () => this.#server.shown)
  }

  dropGeneration(generation: number): Promise<void> {
    return this.#ask('dropGeneration', () => {
      this.#server.generations.delete(generation)
    })
  }

  insert(insert: OlapInsert): Promise<void> {
    return this.#ask('insert', () => this.#server.insert(insert))
  }

  putOverrides(rows: readonly OverrideRow[]): Promise<void> {
    return this.#ask('putOverrides', () => {
      for (const row of rows) {
        const id = `${row.workspace}/${row.identifierKey}`
        if ((this.#server.overrides.get(id)?.version ?? 0) < row.version) this.#server.overrides.set(id, row)
      }
    })
  }

  putPointings(rows: readonly PointingRow[]): Promise<void> {
    return this.#ask('putPointings', () => {
      for (const row of rows) {
        const id = `${row.workspace}/${row.identifierKey}/${row.version}`
        if ((this.#server.pointings.get(id)?.batch ?? -1) < row.batch) this.#server.pointings.set(id, row)
      }
    })
  }

  countRows(generation: number): Promise<number> {
    return this.#ask('countRows', () => this.#server.generation(generation).rows.length)
  }

  heldRows(generation: number, { partition, firstBatch, lastBatch }: OlapRun): Promise<ReadonlySet<string>> {
    return this.#ask('heldRows', () => new Set(this.#server.generation(generation).rows
      .filter((row) => row.partition === partition && row.batch >= firstBatch && row.batch <= lastBatch).map(({ key }) => key)))
  }

  async close(): Promise<void> {}

  readonly placesOf = notSimulated<readonly []>
  readonly erase = notSimulated<number>
  readonly query = notSimulated<string>

  #ask<T>(name: string, perform: () => T | Promise<T>): Promise<T> {
    return send(this.#link, { store: 'olap', name, perform })
  }
}
