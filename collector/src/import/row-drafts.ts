import type { CsvRow } from './csv-parser.ts'
import type { Draft, DraftMaker } from './draft.ts'
import { HashCounts } from './hash-counts.ts'
import type { ImportPlan } from './import-plan.ts'
import { digestOf, madeId } from './made-id.ts'
import type { Reject } from './reject.ts'
import { BadCell, cellOf, namedValues, personOf, timeOf } from './row-values.ts'
import { valueOf } from './value-types.ts'

/** A row a person: an identify. The same row again is the same event; a changed one is a new statement about the person. */
export class CustomerDrafts implements DraftMaker<CsvRow> {
  readonly #plan: ImportPlan
  readonly #now: number

  /** `now`: when the file was written, the time of rows that name none, so that it overrules nothing said later. */
  constructor(plan: ImportPlan, now: number) {
    this.#plan = plan
    this.#now = now
  }

  add(row: CsvRow): readonly (Draft | Reject)[] {
    return fromRow(row, () => {
      const plan = this.#plan
      const { context, ...ids } = personOf(plan, row)
      const addresses = Reflect.get(Object(context), 'traits')
      const time = timeOf(plan, row) ?? this.#now
      return {
        type: 'identify', ...ids, timestamp: new Date(time).toISOString(),
        messageId: madeId({ source: plan.source, kind: 'identify', key: rowDigest(row) }),
        traits: { ...namedValues(plan.properties, row), ...addresses },
      }
    })
  }

  end(): readonly Draft[] {
    return []
  }
}

/** A row an event. Rows without an id of their own may be equal and yet be two: they are counted. */
export class EventDrafts implements DraftMaker<CsvRow> {
  readonly #plan: ImportPlan
  readonly #counts = new HashCounts()

  constructor(plan: ImportPlan) {
    this.#plan = plan
  }

  add(row: CsvRow): readonly (Draft | Reject)[] {
    return fromRow(row, () => {
      const plan = this.#plan
      const metric = cellOf(plan, row, 'event')
      if (metric === '') throw new BadCell('missing_event_name', 'event', '')
      const time = timeOf(plan, row)
      if (time === null) throw new BadCell('missing_time', 'time', '')
      const own = cellOf(plan, row, 'messageId')
      return {
        type: 'track', event: metric, ...personOf(plan, row), timestamp: new Date(time).toISOString(),
        messageId: own === '' ? this.#madeId(row, metric) : own,
        properties: { ...this.#json(row), ...namedValues(plan.properties, row) },
      }
    })
  }

  end(): readonly Draft[] {
    return []
  }

  #madeId(row: CsvRow, metric: string): string {
    const digest = digestOf(row.cells.join('\u001f'))
    return madeId({ source: this.#plan.source, kind: metric, key: `${digest.toString('hex')}\0${this.#counts.add(digest)}` })
  }

  #json(row: CsvRow): object {
    const text = cellOf(this.#plan, row, 'properties')
    const value = text === '' ? {} : valueOf(text, 'json')
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new BadCell('bad_json', 'properties', text)
    return value
  }
}

function fromRow(row: CsvRow, make: () => Readonly<Record<string, unknown>>): readonly (Draft | Reject)[] {
  try {
    return [{ line: row.line, item: make() }]
  } catch (error) {
    if (!(error instanceof BadCell)) throw error
    return [error.at(row.line)]
  }
}

function rowDigest(row: CsvRow): string {
  return digestOf(row.cells.join('\u001f')).toString('hex')
}
