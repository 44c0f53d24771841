import { type SegmentFault, segmentLimits, type SegmentRule } from './segment-definition.ts'

export interface SegmentContext {
  /** Why a pattern is none that every engine reads the same, in linear time; null if it is one. */
  readonly patternFault: (pattern: string) => string | null
}

export class SegmentRefused extends Error {
  readonly fault: SegmentFault

  constructor(fault: SegmentFault) {
    super(`${fault.path}: ${fault.message}`)
    this.fault = fault
  }
}

export function refuse(path: string, rule: SegmentRule, message: string): never {
  throw new SegmentRefused({ path, rule, message })
}

/** One object of a definition and where it stands; every reading method refuses with path and rule. */
export class Reader {
  readonly path: string
  readonly context: SegmentContext
  readonly #fields: ReadonlyMap<string, unknown>

  constructor(value: unknown, path: string, context: SegmentContext) {
    this.path = path
    this.context = context
    if (typeof value !== 'object' || value === null || Array.isArray(value)) refuse(path, 'not_an_object', 'must be an object')
    this.#fields = new Map(Object.entries(value))
  }

  has(key: string): boolean {
    return this.#fields.has(key)
  }

  get(key: string): unknown {
    return this.#fields.get(key)
  }

  /** Refuses any other key: a misspelt one would silently widen the segment. */
  allow(keys: readonly string[]): void {
    for (const key of this.#fields.keys()) {
      if (!keys.includes(key)) refuse(`${this.path}.${key}`, 'unknown_key', `allowed here: ${keys.join(', ')}`)
    }
  }

  child(key: string): Reader {
    return new Reader(this.get(key), `${this.path}.${key}`, this.context)
  }

  list(key: string, most: number, { mayBeEmpty = false } = {}): readonly Reader[] {
    return this.#array(key, most, mayBeEmpty).map((item, index) => new Reader(item, `${this.path}.${key}[${index}]`, this.context))
  }

  values<T>(key: string, accepts: (value: unknown) => value is T, what: string): readonly T[] {
    return this.#array(key, segmentLimits.listValuesMax, false).map((item, index) =>
      accepts(item) ? item : refuse(`${this.path}.${key}[${index}]`, 'wrong_value', `must be ${what}`))
  }

  oneOf<T extends string>(key: string, allowed: readonly T[], rule: SegmentRule): T {
    const value = this.get(key)
    if (value === undefined) return refuse(`${this.path}.${key}`, 'missing', `must be one of ${allowed.join(', ')}`)
    const found = allowed.find((candidate) => candidate === value)
    return found ?? refuse(`${this.path}.${key}`, rule, `${shown(value)} is none of ${allowed.join(', ')}`)
  }

  name(key: string): string {
    const value = this.get(key)
    if (value === undefined) refuse(`${this.path}.${key}`, 'missing', 'must be a name')
    if (typeof value !== 'string' || value === '' || value.length > segmentLimits.nameCharactersMax || !value.isWellFormed()) {
      refuse(`${this.path}.${key}`, 'wrong_value', `must be a text of 1 to ${segmentLimits.nameCharactersMax} characters`)
    }
    return value
  }

  text(key: string): string {
    const value = this.get(key)
    if (value === undefined) refuse(`${this.path}.${key}`, 'missing', 'must be a text')
    if (!isText(value) || value === '') refuse(`${this.path}.${key}`, 'wrong_value', `must be a text of 1 to ${segmentLimits.textCharactersMax} characters`)
    return value
  }

  number(key: string): number {
    return this.#bounded(this.get(key), `${this.path}.${key}`)
  }

  pair(key: string): readonly [number, number] {
    const value = this.get(key)
    if (!Array.isArray(value) || value.length !== 2) refuse(`${this.path}.${key}`, value === undefined ? 'missing' : 'wrong_value', 'must be a list of two numbers, the lesser first')
    const [low, high] = value.map((item, index) => this.#bounded(item, `${this.path}.${key}[${index}]`))
    if (low === undefined || high === undefined || low > high) refuse(`${this.path}.${key}`, 'out_of_bounds', 'the lesser number must come first')
    return [low, high]
  }

  /** A whole number within the bounds. */
  whole(key: string, least: number, most: number): number {
    const value = this.get(key)
    if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) {
      refuse(`${this.path}.${key}`, value === undefined ? 'missing' : 'bad_window', `must be a whole number from ${least} to ${most}`)
    }
    return value
  }

  #bounded(value: unknown, path: string): number {
    if (typeof value !== 'number' || !Number.isFinite(value)) refuse(path, value === undefined ? 'missing' : 'wrong_value', 'must be a number')
    if (Math.abs(value) > segmentLimits.amountMax) refuse(path, 'out_of_bounds', `must be within ${-segmentLimits.amountMax} and ${segmentLimits.amountMax}`)
    return value
  }

  #array(key: string, most: number, mayBeEmpty: boolean): readonly unknown[] {
    const value = this.get(key)
    if (!Array.isArray(value) || (value.length === 0 && !mayBeEmpty)) {
      refuse(`${this.path}.${key}`, value === undefined ? 'missing' : 'wrong_value', mayBeEmpty ? 'must be a list' : 'must be a list that is not empty')
    }
    if (value.length > most) refuse(`${this.path}.${key}`, 'out_of_bounds', `may hold ${most} at most`)
    return value
  }
}

export function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= segmentLimits.textCharactersMax && value.isWellFormed()
}

function shown(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 60)) : `a ${Array.isArray(value) ? 'list' : typeof value}`
}
