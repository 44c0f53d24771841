import { MillraceError } from '../platform/errors.ts'
import { CallDrafts, isCall } from './call-drafts.ts'
import { columnsMax, csvFormOf, CsvParser, type CsvRow, rowCharactersMax } from './csv-parser.ts'
import type { Draft, DraftMaker } from './draft.ts'
import { type ImportPlan, planImport, type PlanWishes } from './import-plan.ts'
import { type NdjsonObject, NdjsonParser } from './ndjson-parser.ts'
import { OrderGatherer } from './order-gatherer.ts'
import { type Reject, reject } from './reject.ts'
import { CustomerDrafts, EventDrafts } from './row-drafts.ts'
import { textPieces } from './text-source.ts'

export interface ImportFile {
  /** `-` for standard input. */
  readonly path: string
  readonly encoding: string | null
  readonly wishes: PlanWishes
  /** When the file was written, epoch milliseconds. */
  readonly writtenAt: number
  readonly onRead: (bytes: number) => void
}

/** A file on its way to events: the mapping, known after its beginning, and all that follows. */
export interface OpenImport {
  /** null for lines that are events already. */
  readonly plan: ImportPlan | null
  readonly source: string
  /** In the order of the file. Events of orders come up to 1,000 rows after their last row. */
  pages(): AsyncGenerator<readonly (Draft | Reject)[]>
}

/** Rows that the mapping, types and date format are judged by. */
const sampleRows = 1_000

/**
 * Opens a CSV or NDJSON file. Memory: a piece of 256 KB, the sample, orders of 1,000 rows, and 12 bytes for each order or row
 * without an id. Fails with `bad_request` where the header or the dates cannot be understood, or the bytes are no text.
 */
export async function openImport(file: ImportFile): Promise<OpenImport> {
  const pieces = textPieces(file.path, file)
  const beginning = await firstPiece(pieces)
  if (beginning.trim() === '') throw new MillraceError('bad_request', `${nameOf(file)} is empty`)
  if (beginning.includes('\0')) throw new MillraceError('bad_request', `${nameOf(file)} holds NUL characters: is it no text, or UTF-16? Then say --encoding utf-16le`)
  return /^\s*\{/.test(beginning) ? openNdjson(file, { beginning, pieces }) : openCsv(file, { beginning, pieces })
}

/** What was read of a file, and what is left. */
interface Begun {
  readonly beginning: string
  readonly pieces: AsyncGenerator<string>
}

async function firstPiece(pieces: AsyncGenerator<string>): Promise<string> {
  for (let text = ''; ;) {
    const next = await pieces.next()
    if (next.done === true) return text
    text += next.value
    if (text.length > 65_536) return text
  }
}

function nameOf({ path }: Pick<ImportFile, 'path'>): string {
  return path === '-' ? 'standard input' : path
}

async function openCsv(file: ImportFile, { beginning, pieces }: Begun): Promise<OpenImport> {
  const parser = new CsvParser(csvFormOf(beginning))
  const items = itemsOf(parser, beginning, pieces)
  const first = await items.next()
  const [header, ...begun] = first.done === true ? [] : first.value
  if (header === undefined || 'rule' in header) throw headerError(file, header)
  const sample = [...begun, ...(await take(items))]
  const rows = sample.filter((row): row is CsvRow => 'cells' in row && row.cells.length === header.cells.length)
  const plan = planImport(header.cells.map((cell) => cell.trim()), rows.map(({ cells }) => cells), file.wishes)
  const width = header.cells.length
  const maker = makerOf(plan, file.writtenAt)
  const checked: DraftMaker<CsvRow> = {
    add: (row) => (row.cells.length === width ? maker.add(row) : [reject(row.line, 'column_count', { value: `${row.cells.length} where the header has ${width}` })]),
    end: () => maker.end(),
  }
  return { plan, source: plan.source, pages: () => pagesOf(checked, sample, items) }
}

function headerError(file: ImportFile, header: Reject | undefined): MillraceError {
  if (header?.rule === 'too_many_columns') return new MillraceError('bad_request', `${nameOf(file)}: the header, line ${header.line}, has ${header.value}; at most ${columnsMax} are read`)
  if (header?.rule === 'line_too_long') return new MillraceError('bad_request', `${nameOf(file)}: the header, line ${header.line}, is longer than ${rowCharactersMax} characters`)
  return new MillraceError('bad_request', `${nameOf(file)}: the header, line ${header?.line ?? 1}, cannot be read: ${header?.rule ?? 'there is none'}`)
}

function makerOf(plan: ImportPlan, writtenAt: number): DraftMaker<CsvRow> {
  if (plan.kind === 'orders') return new OrderGatherer(plan)
  return plan.kind === 'customers' ? new CustomerDrafts(plan, writtenAt) : new EventDrafts(plan)
}

async function openNdjson(file: ImportFile, { beginning, pieces }: Begun): Promise<OpenImport> {
  const items = itemsOf(new NdjsonParser(), beginning, pieces)
  const sample = await take(items)
  const objects = sample.filter((item): item is NdjsonObject => !('rule' in item))
  if (objects.length === 0) throw new MillraceError('bad_request', `${nameOf(file)}: the first ${sample.length} lines hold no JSON object`)
  if (objects.some(({ value }) => isCall(value)) && file.wishes.kind === undefined) {
    const source = file.wishes.source ?? 'import'
    const time = { dateFormat: file.wishes.dateFormat ?? 'YYYY-MM-DD', offsetMinutes: file.wishes.offsetMinutes ?? 0 } as const
    return { plan: null, source, pages: () => pagesOf(new CallDrafts(source, time), sample, items) }
  }
  const names = [...new Set(objects.flatMap(({ value }) => Object.keys(value)))]
  if (names.length > columnsMax) throw new MillraceError('bad_request', `${nameOf(file)}: the first lines have ${names.length} different keys; at most ${columnsMax} are read`)
  const plan = planImport(names, objects.map((object) => cellsOf(object, names)), file.wishes)
  const maker = makerOf(plan, file.writtenAt)
  const known = new Set(names)
  const asRows: DraftMaker<NdjsonObject> = {
    add: (object) => {
      // A key that no earlier line had would be lost without a word.
      const unknown = Object.keys(object.value).find((name) => !known.has(name))
      return unknown === undefined ? maker.add({ line: object.line, cells: cellsOf(object, names) }) : [reject(object.line, 'column_count', { field: unknown, value: 'a key that the first lines do not have' })]
    },
    end: () => maker.end(),
  }
  return { plan, source: plan.source, pages: () => pagesOf(asRows, sample, items) }
}

function cellsOf({ value }: NdjsonObject, names: readonly string[]): readonly string[] {
  return names.map((name) => {
    const cell = value[name]
    if (cell === undefined || cell === null) return ''
    return typeof cell === 'string' ? cell : JSON.stringify(cell)
  })
}

interface Parser<Item> {
  push(piece: string, last: boolean): readonly (Item | Reject)[]
}

async function* itemsOf<Item>(parser: Parser<Item>, beginning: string, pieces: AsyncGenerator<string>): AsyncGenerator<readonly (Item | Reject)[]> {
  const first = parser.push(beginning, false)
  if (first.length > 0) yield first
  for await (const piece of pieces) {
    const items = parser.push(piece, false)
    if (items.length > 0) yield items
  }
  const last = parser.push('', true)
  if (last.length > 0) yield last
}

/** The items of the sample that are still to be read. */
async function take<Item>(items: AsyncGenerator<readonly (Item | Reject)[]>): Promise<readonly (Item | Reject)[]> {
  const taken: (Item | Reject)[] = []
  while (taken.length < sampleRows) {
    const next = await items.next()
    if (next.done === true) break
    taken.push(...next.value)
  }
  return taken
}

async function* pagesOf<Item extends object>(
  maker: DraftMaker<Item>, sample: readonly (Item | Reject)[], items: AsyncGenerator<readonly (Item | Reject)[]>,
): AsyncGenerator<readonly (Draft | Reject)[]> {
  const drafts = (page: readonly (Item | Reject)[]): readonly (Draft | Reject)[] => page.flatMap((item) => (isReject(item) ? [item] : maker.add(item)))
  yield drafts(sample)
  for await (const page of items) yield drafts(page)
  yield maker.end()
}

function isReject(item: object): item is Reject {
  return 'rule' in item
}
