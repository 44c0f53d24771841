import { limits } from '@millrace/schemas'
import { isObject } from './is-object.ts'
import { flag, type FlagSet, noFlags } from './flag-set.ts'
import { surveyPaths } from './survey-paths.ts'

export interface CanonicaliseOptions {
  /** No string can hold half a surrogate pair or a NUL, judging by the text it was parsed from. */
  readonly plainText: boolean
}

export type Canonicalised =
  | { readonly event: Readonly<Record<string, unknown>>, readonly flags: FlagSet, readonly reason: null }
  | { readonly reason: 'too_deep' | 'too_many_keys' }

const replacedSurrogate = flag('replaced_surrogate')
const replacedNul = flag('replaced_nul')
const droppedProto = flag('dropped_proto')
const droppedNonFinite = flag('dropped_non_finite')
const unsafeInteger = flag('unsafe_integer')
const ambiguousPath = flag('ambiguous_path')

/** What makes a rewrite necessary; the other flags only tell. */
const rewritten: FlagSet = replacedSurrogate | replacedNul | droppedProto | droppedNonFinite

/** What one look over an event found. */
interface Findings {
  readonly plainText: boolean
  flags: FlagSet
  /** Keys at all places, those of every item of an array counted. */
  keys: number
  hasDottedKey: boolean
  tooDeep: boolean
}

/**
 * Gives a parsed event a form that no store rejects or changes: well-formed strings without NUL, no `__proto__`,
 * finite numbers, bounded depth and keys. Nearly every event already is, so it is looked over first, and
 * only one with something to change is written anew; the others come back as they are.
 */
export function canonicalise(event: Readonly<Record<string, unknown>>, options: CanonicaliseOptions): Canonicalised {
  const found: Findings = {
    plainText: options.plainText, flags: noFlags, keys: 0, hasDottedKey: false, tooDeep: false,
  }
  lookOverObject(event, 1, found)
  if (found.tooDeep) return { reason: 'too_deep' }
  const clean = (found.flags & rewritten) === noFlags ? event : rewriteObject(event)
  const needsSurvey = found.keys > limits.eventKeysMax || found.hasDottedKey
  if (!needsSurvey) return { event: clean, flags: found.flags, reason: null }
  const survey = surveyPaths(clean, limits.eventKeysMax)
  if (survey.distinct > limits.eventKeysMax) return { reason: 'too_many_keys' }
  return { event: clean, flags: survey.ambiguous ? found.flags | ambiguousPath : found.flags, reason: null }
}

/** Recursion ends at the depth limit. */
function lookOverObject(object: Readonly<Record<string, unknown>>, depth: number, found: Findings): void {
  for (const key in object) {
    found.keys += 1
    lookOverKey(key, found)
    lookOver(object[key], depth, found)
  }
}

function lookOver(value: unknown, depth: number, found: Findings): void {
  if (typeof value === 'string') {
    if (!found.plainText) found.flags |= stringFlags(value)
  } else if (typeof value === 'number') {
    found.flags |= numberFlags(value)
  } else if (typeof value === 'object' && value !== null) {
    if (depth >= limits.eventDepthMax) found.tooDeep = true
    else if (Array.isArray(value)) for (const item of value) lookOver(item, depth + 1, found)
    else if (isObject(value)) lookOverObject(value, depth + 1, found)
  }
}

function lookOverKey(key: string, found: Findings): void {
  if (!found.plainText) found.flags |= stringFlags(key)
  if (key === '__proto__') found.flags |= droppedProto
  if (key.includes('.')) found.hasDottedKey = true
}

function stringFlags(text: string): FlagSet {
  return (text.isWellFormed() ? noFlags : replacedSurrogate) | (text.includes('\0') ? replacedNul : noFlags)
}

function numberFlags(value: number): FlagSet {
  if (value <= Number.MAX_SAFE_INTEGER && value >= -Number.MAX_SAFE_INTEGER) return noFlags
  return Number.isFinite(value) ? unsafeInteger : droppedNonFinite
}

/** Depth is known to be within its limit. */
function rewriteObject(object: object): Record<string, unknown> {
  const result: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(object)) {
    if (key === '__proto__' || isNonFinite(value)) continue
    result[rewriteString(key)] = rewrite(value)
  }
  return result
}

function rewrite(value: unknown): unknown {
  if (typeof value === 'string') return rewriteString(value)
  if (Array.isArray(value)) return value.map((item: unknown) => (isNonFinite(item) ? null : rewrite(item)))
  return typeof value === 'object' && value !== null ? rewriteObject(value) : value
}

function rewriteString(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\uFFFD')
}

function isNonFinite(value: unknown): boolean {
  return typeof value === 'number' && !Number.isFinite(value)
}
