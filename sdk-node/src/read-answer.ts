import type { EventResult } from '@millrace/schemas'
import type { Outcome } from './outcomes.ts'

/**
 * What the body of a 200 says of each event, in the order of the batch; null in place of an event that is to be sent
 * again. Null as a whole if the body is not a collector's: a proxy or a captive portal answered in its place.
 */
export function readAnswer(body: string, count: number): readonly (Outcome | null)[] | null {
  const parsed = parse(body)
  const results: unknown = Reflect.get(Object(parsed), 'results')
  if (Array.isArray(results)) return results.length === count ? results.map(outcomeOf) : null
  // Segment's own answer: all or nothing.
  const success: unknown = Reflect.get(Object(parsed), 'success')
  return results === undefined && success === true ? Array.from({ length: count }, () => ({ kind: 'delivered' })) : null
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return null
  }
}

function outcomeOf(entry: unknown): Outcome | null {
  const result: unknown = Reflect.get(Object(entry), 'result' satisfies keyof EventResult)
  if (result === 'ok') return { kind: 'delivered' }
  if (result === 'duplicate') return { kind: 'duplicate' }
  if (result === 'quarantined') return { kind: 'quarantined', reason: String(Reflect.get(Object(entry), 'reason' satisfies keyof EventResult)) }
  // `retry`, or a word of a later protocol: not known to be stored.
  return null
}
