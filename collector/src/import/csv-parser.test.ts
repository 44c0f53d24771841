import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { propertySettings } from '../../test/property-settings.ts'
import { columnsMax, csvFormOf, CsvParser, type CsvRow, rowCharactersMax } from './csv-parser.ts'
import type { Reject } from './reject.ts'

function parse(text: string, pieces: readonly number[] = []): (CsvRow | Reject)[] {
  const parser = new CsvParser(csvFormOf(text))
  const found: (CsvRow | Reject)[] = []
  let at = 0
  for (const length of pieces) {
    found.push(...parser.push(text.slice(at, at + length), false))
    at += length
  }
  return [...found, ...parser.push(text.slice(at), false), ...parser.push('', true)]
}

function cells(text: string, pieces?: readonly number[]): unknown {
  return parse(text, pieces).map((row) => ('cells' in row ? row.cells : `${row.line} ${row.rule}`))
}

describe('the CSV parser', () => {
  it.each(['\n', '\r\n', '\r'])('gives back what was written, cut anywhere, with line ends %j', (lineEnd) => {
    const cell = fc.string({ unit: fc.constantFrom('a', ' ', ',', '"', 'ä', '💥', ';', ...(lineEnd === '\r' ? [] : ['\n'])), maxLength: 6 })
    const written = fc.array(fc.array(cell, { minLength: 2, maxLength: 4 }), { minLength: 1, maxLength: 6 })
    fc.assert(fc.property(written, fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 20 }), fc.boolean(), (rows, pieces, closed) => {
      const line = (row: readonly string[]): string => row.map((text) => (/[",\r\n]/.test(text) || text === '' ? `"${text.replaceAll('"', '""')}"` : text)).join(',')
      const text = ['one,two', ...rows.map(line)].join(lineEnd) + (closed ? lineEnd : '')
      expect(cells(text, pieces)).toEqual([['one', 'two'], ...rows])
    }), propertySettings())
  })

  it('names the line that a row begins in, line breaks within quotes counted', () => {
    expect(parse('a,b\n1,"x\ny"\n\n2,z\n').map(({ line }) => line)).toEqual([1, 2, 5])
  })

  it.each([
    ['never closed', 'a,b\n1,"open\n2,x\n3,y\n', [['a', 'b'], '2 broken_quote', ['2', 'x'], ['3', 'y']]],
    ['closed by the next quote in the file', 'a,b\n1,"open\n2,x\n3,"y"\n', [['a', 'b'], '2 broken_quote', ['2', 'x'], ['3', 'y']]],
    ['followed by text', 'a,b\n1,"x"y\n2,z\n', [['a', 'b'], '2 broken_quote', ['2', 'z']]],
    ['in the last line', 'a,b\n1,"x', [['a', 'b'], '2 broken_quote']],
    ['in the middle of a field', 'a,b\n5" pipe,2\n', [['a', 'b'], ['5" pipe', '2']]],
  ])('a quote %s costs its own line alone', (_, text, expected) => {
    expect(cells(text)).toEqual(expected)
    expect(cells(text, Array.from({ length: text.length }, () => 1))).toEqual(expected)
  })

  it('rejects a row of two million columns, a line without an end and a quote over a thousand lines, and goes on', () => {
    const wide = `${','.repeat(columnsMax)}`
    const long = 'x,'.repeat(1_000_000)
    const pieces = Array.from({ length: 20 }, () => 262_144)
    expect(cells(`a,b\n${wide}\n${long}\n1,2\n`, pieces)).toEqual([['a', 'b'], '2 too_many_columns', '3 line_too_long', ['1', '2']])
    expect(cells(`a,b\n${'y'.repeat(3 * rowCharactersMax)}`, pieces)).toEqual([['a', 'b'], '2 line_too_long'])
    const quote = cells(`a,b\n1,"${'\n2,x'.repeat(2_000)}"\n`)
    expect(quote).toHaveLength(2_002)
    expect(quote).toHaveProperty('1', '2 broken_quote')
  })

  it.each([';', '\t', '|'])('finds out the delimiter %j', (delimiter) => {
    expect(cells(`a${delimiter}"b,c"\n1${delimiter}2\n`)).toEqual([['a', 'b,c'], ['1', '2']])
  })
})
