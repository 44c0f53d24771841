import { type Reject, reject } from './reject.ts'

/** A row and the line of the file it begins in. */
export interface CsvRow {
  readonly line: number
  readonly cells: readonly string[]
}

export interface CsvForm {
  readonly delimiter: string
  /** `\n` for files that end lines with `\r\n` too. */
  readonly lineEnd: '\n' | '\r'
}

/** Characters of one row, line breaks inside its quotes counted. */
export const rowCharactersMax = 1_048_576
/** Lines that one quoted field may go over: a quote that stays open longer was never meant to be one. */
const rowLinesMax = 1_000
export const columnsMax = 1_000

type Quoted = { readonly cells: readonly string[]; readonly next: number } | 'more' | 'broken'

/**
 * RFC 4180 in pieces. Memory: one piece and one row. A row whose quotes do not add up is rejected alone: its first line is
 * passed over and reading goes on with the next line, so an open quote swallows nothing. A quote inside a field that does
 * not begin with one is an ordinary character.
 */
export class CsvParser {
  readonly #form: CsvForm
  #rest = ''
  #line = 1
  /** Inside a line that is too long, to its end. */
  #passing = false

  constructor(form: CsvForm) {
    this.#form = form
  }

  /** The rows that end in this piece, and what is wrong, in order. Empty lines are no rows. `last`: nothing follows. */
  push(piece: string, last: boolean): (CsvRow | Reject)[] {
    const { lineEnd } = this.#form
    const buffer = this.#rest + piece
    const found: (CsvRow | Reject)[] = []
    let at = 0
    let quote = -2
    while (at < buffer.length) {
      const end = buffer.indexOf(lineEnd, at)
      if (end < 0 && !last && (this.#passing || buffer.length - at <= rowCharactersMax)) break
      const stop = end < 0 ? buffer.length : end
      if (this.#passing || stop - at > rowCharactersMax) {
        if (!this.#passing) found.push(reject(this.#line, 'line_too_long', { value: buffer.slice(at, at + 200) }))
        this.#passing = end < 0
        if (end >= 0) this.#line += 1
        at = end < 0 ? buffer.length : end + 1
        continue
      }
      if (quote !== -1 && quote < at) quote = buffer.indexOf('"', at)
      if (quote < 0 || quote >= stop) {
        this.#take(withoutReturn(buffer.slice(at, stop)).split(this.#form.delimiter), found)
        this.#line += 1
        at = stop + 1
        continue
      }
      const read = this.#quoted(buffer, at, last)
      if (read === 'more' && buffer.length - at <= rowCharactersMax) break
      if (typeof read === 'string') {
        found.push(reject(this.#line, 'broken_quote', { value: buffer.slice(at, stop) }))
        this.#line += 1
        at = stop + 1
        continue
      }
      this.#take(read.cells, found)
      this.#line += countOf(buffer, lineEnd, [at, Math.min(read.next, buffer.length)])
      at = read.next
    }
    // Inside a line that is passed over nothing has to be kept.
    this.#rest = this.#passing ? '' : buffer.slice(at)
    return found
  }

  #take(cells: readonly string[], found: (CsvRow | Reject)[]): void {
    if (cells.length === 1 && (cells[0] ?? '').trim() === '') return
    found.push(cells.length > columnsMax ? reject(this.#line, 'too_many_columns', { value: `${cells.length} columns` }) : { line: this.#line, cells })
  }

  /** A row with quotes, which may go on over several lines. */
  #quoted(buffer: string, start: number, last: boolean): Quoted {
    const { delimiter, lineEnd } = this.#form
    const cells: string[] = []
    let at = start
    for (;;) {
      if (buffer[at] === '"') {
        const field = quotedField(buffer, at, last)
        if (typeof field === 'string') return field
        if (countOf(buffer, lineEnd, [at, field.next]) > rowLinesMax) return 'broken'
        cells.push(field.value)
        at = field.next
        if (at >= buffer.length) return last ? { cells, next: at } : 'more'
        if (buffer[at] === '\r' && lineEnd === '\n') {
          if (at + 1 >= buffer.length && !last) return 'more'
          at += 1
        }
        if (at >= buffer.length || buffer[at] === lineEnd) return { cells, next: at + 1 }
        if (buffer[at] !== delimiter) return 'broken'
        at += 1
        continue
      }
      const comma = buffer.indexOf(delimiter, at)
      const end = buffer.indexOf(lineEnd, at)
      if (comma >= 0 && (end < 0 || comma < end)) {
        cells.push(buffer.slice(at, comma))
        at = comma + 1
        continue
      }
      if (end < 0 && !last) return 'more'
      cells.push(withoutReturn(buffer.slice(at, end < 0 ? buffer.length : end)))
      return { cells, next: (end < 0 ? buffer.length : end) + 1 }
    }
  }
}

function quotedField(buffer: string, open: number, last: boolean): { readonly value: string; readonly next: number } | 'more' | 'broken' {
  let value = ''
  let from = open + 1
  for (;;) {
    const close = buffer.indexOf('"', from)
    if (close < 0) return last ? 'broken' : 'more'
    if (close + 1 >= buffer.length && !last) return 'more'
    if (buffer[close + 1] !== '"') return { value: value + buffer.slice(from, close), next: close + 1 }
    value += buffer.slice(from, close + 1)
    from = close + 2
  }
}

function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line
}

function countOf(buffer: string, lineEnd: string, [from, to]: readonly [number, number]): number {
  let count = 0
  for (let at = buffer.indexOf(lineEnd, from); at >= 0 && at < to; at = buffer.indexOf(lineEnd, at + 1)) count += 1
  return count
}

/** How a file is written, judging by its beginning: lines end with CR alone only where there is no LF at all. */
export function csvFormOf(beginning: string): CsvForm {
  const lineEnd = beginning.includes('\n') || !beginning.includes('\r') ? '\n' : '\r'
  const header = beginning.slice(0, rowCharactersMax).split(lineEnd, 1)[0] ?? ''
  const unquoted = header.replaceAll(/"[^"]*"/g, '')
  const counts = [',', ';', '\t', '|'].map((delimiter) => ({ delimiter, count: unquoted.split(delimiter).length }))
  return { lineEnd, delimiter: counts.reduce((best, next) => (next.count > best.count ? next : best)).delimiter }
}
