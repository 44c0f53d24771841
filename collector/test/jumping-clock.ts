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
globalThis.Date = new Proxy(Date, {
  construct: (target, values: unknown[], made) => Reflect.construct(target, values.length === 0 ? [shifted()] : values, made),
})
