import { type JsonObject, type JsonValue, limits } from '@millrace/schemas'
import { MillraceError } from '../platform/errors.ts'

/** The last writer of a property: the greatest (event time, message id) wins, whatever order events arrive in. */
export interface Register {
  /** null: unset by that event. */
  readonly value: JsonValue
  readonly time: number
  readonly messageId: string
  readonly receivedAt: number
}

/** Property name to register, of one identifier. */
export type Registers = ReadonlyMap<string, Register>

export interface Statement {
  /** Event time, epoch milliseconds. */
  readonly time: number
  readonly messageId: string
  readonly receivedAt: number
}

/** Names kept per identifier: the newest. The events hold all of them. */
const namesMax = 512

/** Said of an address, not of a person: see identity/consent.ts. */
const consentTrait = 'consent'

export function emptyRegisters(): Registers {
  return new Map()
}

/** Takes on an event's traits: an absent name changes nothing, null unsets, an object replaces the whole object. */
export function applyTraits(registers: Registers, traits: JsonObject, statement: Statement): Registers {
  const next = new Map(registers)
  for (const name of Object.keys(traits)) {
    const value = traits[name]
    if (value === undefined || name === consentTrait) continue
    const known = next.get(name)
    if (known !== undefined && !isLater(statement, known)) continue
    if (Buffer.byteLength(name) + Buffer.byteLength(JSON.stringify(value)) > limits.propertyBytesMax) continue
    const { time, messageId, receivedAt } = statement
    next.set(name, { value, time, messageId, receivedAt })
  }
  return next.size > namesMax ? newest(next) : next
}

/** The properties of a profile: the latest register of each name over all its identifiers, unset ones left out. */
export function mergedProperties(list: readonly Registers[]): Readonly<Record<string, JsonValue>> {
  const merged = mergedRegisters(list)
  const names = [...merged.keys()].filter((name) => merged.get(name)?.value !== null).toSorted()
  return Object.fromEntries(names.map((name) => [name, merged.get(name)?.value ?? null]))
}

/** The latest register of each name, unset ones too. */
export function mergedRegisters(list: readonly Registers[]): Registers {
  const merged = new Map<string, Register>()
  for (const registers of list) {
    for (const [name, register] of registers) {
      const known = merged.get(name)
      if (known === undefined || isLater(register, known)) merged.set(name, register)
    }
  }
  return merged
}

export function serialiseRegisters(registers: Registers): string {
  return JSON.stringify([...registers].map(([name, { value, time, messageId, receivedAt }]) => [name, value, time, messageId, receivedAt]))
}

/** Fails with `corrupt` if the text is not what {@link serialiseRegisters} wrote. */
export function parseRegisters(text: string): Registers {
  const entries: unknown = JSON.parse(text)
  if (!Array.isArray(entries)) throw new MillraceError('corrupt', 'registers cannot be read')
  const registers = new Map<string, Register>()
  for (const entry of entries) {
    if (!isEntry(entry)) throw new MillraceError('corrupt', 'a register cannot be read')
    const [name, value, time, messageId, receivedAt] = entry
    registers.set(name, { value, time, messageId, receivedAt })
  }
  return registers
}

/** The value came out of JSON, so it is one. */
function isEntry(entry: unknown): entry is [string, JsonValue, number, string, number] {
  return Array.isArray(entry) && entry.length === 5 && typeof entry[0] === 'string' && typeof entry[2] === 'number' &&
    typeof entry[3] === 'string' && typeof entry[4] === 'number'
}

function isLater(a: Pick<Statement, 'time' | 'messageId'>, b: Pick<Statement, 'time' | 'messageId'>): boolean {
  if (a.time !== b.time) return a.time > b.time
  // By bytes, as the OLAP compares: a segment there must see the same property as the profile here.
  return Buffer.compare(Buffer.from(a.messageId), Buffer.from(b.messageId)) > 0
}

function newest(registers: Registers): Registers {
  const order = [...registers].toSorted(([nameA, a], [nameB, b]) =>
    b.time - a.time || (a.messageId < b.messageId ? 1 : a.messageId > b.messageId ? -1 : 0) || (nameA < nameB ? -1 : 1))
  return new Map(order.slice(0, namesMax))
}
