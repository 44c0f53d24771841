import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { Connection } from './connection.ts'
import { shapesOf } from './property-shapes.ts'
import { SqliteOltp } from './sqlite-oltp.ts'

let directory = ''
let connection: Connection

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-shapes-'))
  const oltp = new SqliteOltp(join(directory, 'millrace.db'))
  await oltp.migrate()
  await oltp.close()
  connection = new Connection({ path: join(directory, 'millrace.db'), readOnly: false })
})

afterEach(() => {
  connection.close()
  rmSync(directory, { recursive: true })
})

const order = (number: number): string => JSON.stringify({ order_id: `A"${number}`, value: number, products: [{ sku: 'a,b' }] })
/** Of so many people, each with one. */
const packed = (people: number): string[] => Array.from({ length: people }, (_, person) => shapesOf(connection).pack(order(person), `key-${person}`))

it('stores the names once, when eight people used them, and gives the text back', () => {
  const stored = packed(9)
  expect(stored.slice(0, 7)).toEqual(Array.from({ length: 7 }, (_, person) => order(person)))
  expect(stored.slice(7)).toEqual(['1:"A\\"7",7,[{"sku":"a,b"}]', '1:"A\\"8",8,[{"sku":"a,b"}]'])
  expect(stored.map((text) => shapesOf(connection).unpack(text))).toEqual(Array.from({ length: 9 }, (_, person) => order(person)))
})

it('stores no names that only one person used, however often', () => {
  for (let time = 0; time < 20; time += 1) shapesOf(connection).pack('{"ada@example.com":1}', 'key-1')
  expect(connection.all('SELECT * FROM property_shape')).toEqual([])
})

it('knows after a rollback that the shape is not stored', () => {
  connection.exec('BEGIN IMMEDIATE')
  packed(8)
  connection.exec('ROLLBACK')
  shapesOf(connection).forget()
  const text = shapesOf(connection).pack(order(1), 'key-1')
  expect(text).toBe(order(1))
  expect(packed(9).at(-1)).toBe('1:"A\\"8",8,[{"sku":"a,b"}]')
})

it('meets a shape that another connection stored', () => {
  packed(8)
  const other = new Connection({ path: join(directory, 'millrace.db'), readOnly: false })
  shapesOf(other).pack('{"a":1}', 'key-1')
  connection.run(`INSERT INTO property_shape (shape, names) VALUES (7, '["a"]')`)
  for (let person = 0; person < 7; person += 1) shapesOf(other).pack('{"a":1}', `key-${person}`)
  expect(shapesOf(other).pack('{"a":1}', 'key-7')).toBe('7:1')
  expect(shapesOf(connection).unpack('7:2')).toBe('{"a":2}')
  other.close()
})

it('fails for a shape that is not stored', () => {
  expect(() => shapesOf(connection).unpack('12:1')).toThrow('shape 12')
})
