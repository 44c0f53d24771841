import { rowCharactersMax } from './csv-parser.ts'
import { type Reject, reject } from './reject.ts'

/** An object of the file and the line it stands in. */
export interface NdjsonObject {
  readonly line: number
  readonly value: Readonly<Record<string, unknown>>
}

/** One JSON object a line, in pieces. A line that is none is rejected alone. Memory: one piece and one line of up to 1 MiB. */
export class NdjsonParser {
  #rest = ''
  #line = 1
  #passing = false

  push(piece: string, last: boolean): (NdjsonObject | Reject)[] {
    const lines = (this.#rest + piece).split('\n')
    this.#rest = last ? '' : (lines.pop() ?? '')
    const found: (NdjsonObject | Reject)[] = []
    for (const line of lines) {
      if (!this.#passing) this.#take(line, found)
      this.#passing = false
      this.#line += 1
    }
    if (this.#rest.length > rowCharactersMax) {
      if (!this.#passing) found.push(reject(this.#line, 'line_too_long', { value: this.#rest.slice(0, 200) }))
      this.#passing = true
      this.#rest = ''
    }
    return found
  }

  #take(line: string, found: (NdjsonObject | Reject)[]): void {
    if (line.trim() === '') return
    if (line.length > rowCharactersMax) {
      found.push(reject(this.#line, 'line_too_long', { value: line.slice(0, 200) }))
      return
    }
    try {
      const value: unknown = JSON.parse(line)
      found.push(isObject(value) ? { line: this.#line, value } : reject(this.#line, 'not_an_object', { value: line }))
    } catch {
      found.push(reject(this.#line, 'bad_json', { value: line }))
    }
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
