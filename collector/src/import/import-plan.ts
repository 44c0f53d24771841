import { MillraceError } from '../platform/errors.ts'
import {
  importFields, type ImportField, type ImportKind, importKinds, knownItemNames, knownNames, normalisedName, propertyName, sourceOf,
} from './column-names.ts'
import { dateFormatOf, type DateFormat, type TimeForm } from './read-time.ts'
import { typeOf, type ValueType } from './value-types.ts'

/** What the operator said, beside what the file tells by itself. */
export interface PlanWishes {
  readonly kind?: ImportKind
  readonly source?: string
  /** Field (or `item.NAME`, `property.NAME`) to column. */
  readonly fields: ReadonlyMap<string, string>
  readonly ignore: readonly string[]
  readonly dateFormat?: DateFormat
  readonly offsetMinutes?: number
}

export interface PlannedColumn {
  readonly index: number
  readonly column: string
  /** An {@link ImportField}, `item.NAME`, `property.NAME` or `ignore`. */
  readonly field: string
  readonly type: ValueType
  /** The first filled cell of the sample. */
  readonly example: string
}

export interface NamedColumn {
  readonly name: string
  readonly index: number
  readonly type: ValueType
}

/** How the rows of one file become events. */
export interface ImportPlan {
  readonly kind: ImportKind
  readonly source: string
  readonly columns: readonly PlannedColumn[]
  /** Index of the column of each field that the file has. */
  readonly fields: Readonly<Partial<Record<ImportField, number>>>
  readonly items: readonly NamedColumn[]
  readonly properties: readonly NamedColumn[]
  readonly time: TimeForm
}

/** The mapping from a header and the first rows, with what the operator wishes otherwise. Fails with `bad_request` saying what is missing. */
export function planImport(header: readonly string[], sample: readonly (readonly string[])[], wishes: PlanWishes): ImportPlan {
  const names = header.map(normalisedName)
  const wished = wishedFields(header, wishes)
  const kind = wishes.kind ?? kindOf(names, wished)
  const guessed = guessFields(names, { kind, wished })
  const columns = header.map((column, index): PlannedColumn => {
    const cells = sample.map((cells) => (cells[index] ?? '').trim())
    return {
      index, column, field: wished.get(index) ?? guessed.get(index) ?? `property.${propertyName(column)}`,
      type: typeOf(cells), example: cells.find((cell) => cell !== '') ?? '',
    }
  })
  const fields: Partial<Record<ImportField, number>> = {}
  for (const { field, index } of columns) {
    const known = importFields.find((name) => name === field)
    if (known !== undefined) fields[known] = index
  }
  requireFields(kind, fields)
  return {
    kind, columns, fields,
    source: wishes.source ?? sourceOf(new Set(names)),
    items: named(columns, 'item.'),
    properties: named(columns, 'property.'),
    time: timeForm(columns.find(({ field }) => field === 'time'), sample, wishes),
  }
}

function wishedFields(header: readonly string[], { fields, ignore }: PlanWishes): ReadonlyMap<number, string> {
  const wished = new Map<number, string>()
  const place = (column: string, field: string): void => {
    const exact = header.indexOf(column)
    const index = exact >= 0 ? exact : header.findIndex((name) => normalisedName(name) === normalisedName(column))
    if (index < 0) throw new MillraceError('bad_request', `--map: the file has no column ${JSON.stringify(column)}; it has ${header.slice(0, 50).join(', ')}`)
    wished.set(index, field)
  }
  for (const [field, column] of fields) {
    if (!importFields.some((known) => known === field) && !/^(?:item|property)\../.test(field)) {
      throw new MillraceError('bad_request', `--map: there is no field ${JSON.stringify(field)}; there are ${importFields.join(', ')}, item.NAME, property.NAME and ignore`)
    }
    place(column, field)
  }
  for (const column of ignore) place(column, 'ignore')
  return wished
}

function kindOf(names: readonly string[], wished: ReadonlyMap<number, string>): ImportKind {
  const fields = new Set(wished.values())
  const has = (list: readonly string[]): boolean => names.some((name) => list.includes(name))
  if (fields.has('event') || has(knownNames.event)) return 'events'
  const hasOrder = fields.has('orderId') || has(knownNames.orderId) || names.includes('lineitemname')
  const hasItems = [...fields].some((field) => field.startsWith('item.')) || Object.values(knownItemNames).some(has)
  if (hasOrder && (hasItems || fields.has('value') || has(knownNames.value))) return 'orders'
  if (fields.has('email') || fields.has('userId') || fields.has('phone') || has(knownNames.email) || has(knownNames.userId) || has(knownNames.phone)) return 'customers'
  throw new MillraceError('bad_request', `the header tells neither orders, customers nor events (${names.slice(0, 20).join(', ')}); say it with --kind ${importKinds.join('|')} and --map FIELD=COLUMN`)
}

/** Fields that mean nothing in a kind of file; a column of such a name is a property there. */
const foreignFields: Readonly<Record<ImportKind, readonly ImportField[]>> = {
  orders: ['event', 'messageId', 'properties'],
  customers: ['event', 'messageId', 'properties', 'orderId', 'value', 'currency', 'status'],
  events: ['orderId', 'value', 'currency', 'status'],
}

function guessFields(names: readonly string[], { kind, wished }: { readonly kind: ImportKind; readonly wished: ReadonlyMap<number, string> }): ReadonlyMap<number, string> {
  const guessed = new Map<number, string>()
  const taken = new Set(wished.values())
  const place = (field: string, candidates: readonly string[]): void => {
    if (taken.has(field)) return
    const index = candidates.map((name) => names.indexOf(name)).find((at) => at >= 0 && !wished.has(at) && !guessed.has(at))
    if (index !== undefined) guessed.set(index, field)
  }
  // Shopify's order number stands in `Name`, on each of an order's rows; its `Id` only on the first.
  if (kind === 'orders' && names.includes('lineitemname')) place('orderId', ['name'])
  for (const field of importFields) if (!foreignFields[kind].includes(field) && ![...guessed.values()].includes(field)) place(field, knownNames[field])
  if (kind !== 'orders') return guessed
  for (const [name, candidates] of Object.entries(knownItemNames)) place(`item.${name}`, candidates)
  names.forEach((name, index) => {
    if (name.startsWith('lineitem') && !guessed.has(index) && !wished.has(index)) guessed.set(index, `item.${propertyName(name.slice('lineitem'.length))}`)
  })
  return guessed
}

function requireFields(kind: ImportKind, fields: ImportPlan['fields']): void {
  const missing = kind === 'orders' ? ['orderId', 'time'] : kind === 'events' ? ['event', 'time'] : []
  const absent = missing.filter((name) => !Object.hasOwn(fields, name))
  const named = ['userId', 'anonymousId', 'email', 'phone'].some((name) => Object.hasOwn(fields, name))
  if (absent.length === 0 && (named || kind === 'orders')) return
  const what = absent.length > 0 ? absent.join(' and ') : 'userId, anonymousId, email or phone'
  throw new MillraceError('bad_request', `no column of these ${kind} was taken for ${what}; name it with --map ${absent[0] ?? 'email'}=COLUMN`)
}

function named(columns: readonly PlannedColumn[], prefix: string): readonly NamedColumn[] {
  return columns.filter(({ field }) => field.startsWith(prefix)).map(({ field, index, type }) => {
    const name = field.slice(prefix.length)
    // Names of things stay text whatever they look like: 0085123 and 85123 are two products.
    const isName = /(?:^|_)(?:id|sku|zip|postcode|postal_code|phone|code|number)$/.test(name)
    return { name, index, type: isName ? 'text' : type }
  })
}

function timeForm(column: PlannedColumn | undefined, sample: readonly (readonly string[])[], { dateFormat, offsetMinutes = 0 }: PlanWishes): TimeForm {
  if (dateFormat !== undefined) return { dateFormat, offsetMinutes }
  const cells = column === undefined ? [] : sample.map((cells) => (cells[column.index] ?? '').trim())
  const found = dateFormatOf(cells)
  if (found !== null) return { dateFormat: found, offsetMinutes }
  throw new MillraceError('bad_request',
    `the dates of column ${JSON.stringify(column?.column)}, such as ${column?.example ?? ''}, can be read in two ways; say --date-format DD/MM/YYYY or --date-format MM/DD/YYYY`)
}
