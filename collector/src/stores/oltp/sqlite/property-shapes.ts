import { MillraceError } from '../../../platform/errors.ts'
import { numberOf, textOf } from '../row.ts'
import type { Connection } from './connection.ts'
import { objectOf, piecesOf } from './json-pieces.ts'

/** A shape is stored once so many people's events had it: the names of a rare one may tell something about somebody, and shapes are kept for ever. */
const peopleMin = 8
/** Shapes that are waiting for that; the longest known go first. */
const waitingMax = 1_000
/** Stored shapes. A shop has some dozens; whoever makes up new names for each event gets no more than this. */
const shapesMax = 4_096
const namesCharactersMax = 4_096

const known = new WeakMap<Connection, PropertyShapes>()

/** Those of the database that the connection is open to. */
export function shapesOf(connection: Connection): PropertyShapes {
  const found = known.get(connection) ?? new PropertyShapes(connection)
  known.set(connection, found)
  return found
}

/**
 * Properties of events without their names. Events of one kind have the same names in the same order, which are half of their text, so a row
 * holds the number of its shape and the values, `12:"571545",1,1.65`; a text that begins with `{` is stored as it came.
 */
class PropertyShapes {
  readonly #connection: Connection
  /** A JSON list of names to the number. */
  #numbers: Map<string, number> | null = null
  readonly #names = new Map<number, readonly string[]>()
  readonly #waiting = new Map<string, Set<string>>()

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /** Within a write transaction: a new shape is stored with the row that has it. */
  pack(properties: string, identifierKey: string): string {
    const pieces = piecesOf(properties)
    if (pieces === null) return properties
    const names = `[${pieces.names.join(',')}]`
    const shape = this.#stored().get(names) ?? this.#admit(names, identifierKey)
    return shape === null ? properties : `${shape}:${pieces.values.join(',')}`
  }

  unpack(stored: string): string {
    if (stored.startsWith('{')) return stored
    const colon = stored.indexOf(':')
    return objectOf(this.#namesOf(Number(stored.slice(0, colon))), stored.slice(colon + 1))
  }

  /** A transaction was rolled back, and shapes with it. */
  forget(): void {
    this.#numbers = null
    this.#names.clear()
  }

  #stored(): Map<string, number> {
    this.#numbers ??= new Map(this.#connection.all('SELECT shape, names FROM property_shape').map((row) => [textOf(row, 'names'), numberOf(row, 'shape')]))
    return this.#numbers
  }

  #admit(names: string, identifierKey: string): number | null {
    const stored = this.#stored()
    if (names.length > namesCharactersMax || stored.size >= shapesMax) return null
    const people = this.#waiting.get(names) ?? new Set()
    people.add(identifierKey)
    this.#waiting.set(names, people)
    if (people.size < peopleMin) {
      const oldest = this.#waiting.size > waitingMax ? this.#waiting.keys().next().value : undefined
      if (oldest !== undefined) this.#waiting.delete(oldest)
      return null
    }
    this.#waiting.delete(names)
    // Another connection may have stored it meanwhile.
    this.#connection.run('INSERT INTO property_shape (names) VALUES (?) ON CONFLICT DO NOTHING', names)
    const shape = numberOf(this.#connection.get('SELECT shape FROM property_shape WHERE names = ?', names) ?? {}, 'shape')
    stored.set(names, shape)
    return shape
  }

  #namesOf(shape: number): readonly string[] {
    const found = this.#names.get(shape)
    if (found !== undefined) return found
    const row = this.#connection.get('SELECT names FROM property_shape WHERE shape = ?', shape)
    if (row === undefined) throw new MillraceError('corrupt', `the timeline names the shape ${shape}, which is not stored`)
    const list: unknown = JSON.parse(textOf(row, 'names'))
    const names = Array.isArray(list) ? list.map((name) => JSON.stringify(name)) : []
    this.#names.set(shape, names)
    return names
  }
}
