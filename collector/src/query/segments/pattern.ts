import { RE2JS } from 're2js'
import { messageOf } from '../../platform/errors.ts'

/** Far below where RE2 inside of ClickHouse refuses to compile. */
const programSizeMax = 1_000

/** Why a pattern is refused: what RE2 cannot read has no bound on its time, such as look-around and back references. */
export function patternFault(pattern: string): string | null {
  try {
    const size = RE2JS.compile(pattern).programSize()
    return size > programSizeMax ? `the pattern compiles to ${size} steps, ${programSizeMax} are allowed: repeat less` : null
  } catch (error) {
    return `RE2 cannot read the pattern (it knows no look-around and no back references): ${messageOf(error)}`
  }
}

/** As ClickHouse reads it: a dot matches a line break too. */
export function enginePattern(pattern: string, ignoreCase: boolean): string {
  return `(?s${ignoreCase ? 'i' : ''})${pattern}`
}

const compiled = new Map<string, RE2JS>()
const compiledMax = 200

/** Searches anywhere in the text, in time linear in its length. */
export function compilePattern(pattern: string, ignoreCase: boolean): { test(text: string): boolean } {
  const source = enginePattern(pattern, ignoreCase)
  const known = compiled.get(source)
  if (known !== undefined) return known
  if (compiled.size >= compiledMax) compiled.clear()
  const made = RE2JS.compile(source)
  compiled.set(source, made)
  return made
}
