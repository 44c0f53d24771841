import { MillraceError } from '../platform/errors.ts'

/** How far one partition is read: whole batches, then events of the next one. */
export interface FeedPlace {
  readonly batch: number
  readonly events: number
}

/** Partitions are at most 1,024, see the configuration; a text that names more was not made here. */
const partitionsMax = 1_024

/** The places of all partitions, by their number, as an opaque text of a few characters each. */
export function feedCursor(places: readonly FeedPlace[]): string {
  // Not map: a partition that nobody owned yet leaves a hole.
  const parts = Array.from(places, (place) => (place === undefined ? '0' : `${place.batch.toString(36)}${place.events === 0 ? '' : `.${place.events.toString(36)}`}`))
  return Buffer.from(`f1:${parts.join(',')}`).toString('base64url')
}

/** Fails with `bad_request` for a text that {@link feedCursor} did not make. */
export function parseFeedCursor(text: string): readonly FeedPlace[] {
  const [version, list] = Buffer.from(text, 'base64url').toString('latin1').split(':')
  const parts = list === undefined || list === '' ? [] : list.split(',')
  const isOurs = version === 'f1' && list !== undefined && parts.length <= partitionsMax && parts.every((part) => /^[0-9a-z]{1,10}(?:\.[0-9a-z]{1,10})?$/.test(part))
  if (!isOurs) throw new MillraceError('bad_request', 'after: not a cursor that this route gave')
  return parts.map((part) => {
    const [batch = '0', events = '0'] = part.split('.')
    return { batch: Number.parseInt(batch, 36), events: Number.parseInt(events, 36) }
  })
}
