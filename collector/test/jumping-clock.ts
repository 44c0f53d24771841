import { readFileSync } from 'node:fs'

/**
 * Loaded before a program (`--import`): its wall clock stands apart from the machine's by the milliseconds in a file, as if somebody
 * had set the clock. Timers and `performance.now()` go on as they do then.
 */
const path = String(process.env['MILLRACE_TEST_CLOCK'])
const real = Date.now.bind(Date)

function shifted(): number {
  return real() + Number(readFileSync(path, 'utf8'))
}

Date.now = shifted
class ShiftedDate extends Date {
  constructor(...values: readonly [] | readonly [number | string]) {
    super(values[0] ?? shifted())
  }
}
// Only the forms of the constructor that the program uses.
Object.defineProperty(globalThis, 'Date', { value: ShiftedDate })
