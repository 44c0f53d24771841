import { isEventType } from '@millrace/schemas'
import type { Draft, DraftMaker } from './draft.ts'
import { HashCounts } from './hash-counts.ts'
import { digestOf, madeId } from './made-id.ts'
import type { NdjsonObject } from './ndjson-parser.ts'
import { type TimeForm, readTime } from './read-time.ts'
import { type Reject, reject } from './reject.ts'

type Fields = Readonly<Record<string, unknown>>

/** What belongs to the sending of a call and not to the event, and what the collector says itself. */
const transportFields = new Set(['sentAt', 'receivedAt', 'writeKey', 'wantResults', 'originalTimestamp', 'timestamp', '_metadata'])

/** Whether a line is a call of an SDK, an event of the feed, or a line of the archive, rather than a row of a table. */
export function isCall(value: Fields): boolean {
  return isEventType(value['type']) || isArchived(value) || 'manifest' in value
}

/** Objects that are events already: calls of SDKs, events of the feed (`GET /v1/events`), lines of the archive. */
export class CallDrafts implements DraftMaker<NdjsonObject> {
  readonly #source: string
  readonly #time: TimeForm
  readonly #counts = new HashCounts()

  constructor(source: string, time: TimeForm) {
    this.#source = source
    this.#time = time
  }

  add({ line, value }: NdjsonObject): readonly (Draft | Reject)[] {
    // The first line of an archive object is no event, and what was dropped once is dropped for good.
    if ('manifest' in value || 'dropped' in value || value['result'] === 'dropped') return []
    const call = isArchived(value) ? value.event : 'metric' in value ? fromFeed(value) : value
    const said = call['originalTimestamp'] ?? call['timestamp'] ?? call['receivedAt']
    const time = typeof said === 'string' ? readTime(said, this.#time) : Number.NaN
    if (said === undefined) return [reject(line, 'missing_time', { field: 'timestamp' })]
    if (Number.isNaN(time)) return [reject(line, 'bad_time', { field: 'timestamp', value: JSON.stringify(said) })]
    const fields = Object.fromEntries(Object.entries(call).filter(([name]) => !transportFields.has(name)))
    const messageId = typeof call['messageId'] === 'string' && call['messageId'].trim() !== '' ? call['messageId'] : this.#madeId(call)
    return [{ line, item: { ...fields, messageId, timestamp: new Date(time).toISOString() } }]
  }

  end(): readonly Draft[] {
    return []
  }

  #madeId(call: Fields): string {
    const digest = digestOf(JSON.stringify(call))
    return madeId({ source: this.#source, kind: String(call['type']), key: `${digest.toString('hex')}\0${this.#counts.add(digest)}` })
  }
}

function isArchived(value: Fields): value is Fields & { readonly event: Fields } {
  return 'pos' in value && typeof value['event'] === 'object' && value['event'] !== null
}

/** An event of the feed as the call that it was. */
function fromFeed({ type, metric, time, properties, messageId, userId, anonymousId, context }: Fields): Fields {
  const said = type === 'identify' || type === 'group' ? { traits: properties } : { properties }
  return { type, messageId, timestamp: time, userId, anonymousId, context, ...(type === 'track' ? { event: metric } : {}), ...said }
}
