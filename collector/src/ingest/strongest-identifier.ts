import { limits } from '@millrace/schemas'
import { isObject } from './is-object.ts'

type Fields = Readonly<Record<string, unknown>>

/**
 * The strongest identifier an event itself carries, cheaply normalised, as `kind:value`; null if it has none.
 * It only chooses the partition and tells whether there is anybody to store the event for.
 */
export function strongestIdentifier(event: Fields): string | null {
  return keyed('userId', trimmed(event['userId']))
    ?? fromTraits(event, 'email')
    ?? fromTraits(event, 'phone')
    ?? keyed('device', trimmed(inner(inner(event, 'context'), 'device')?.['id']))
    ?? keyed('anonymousId', trimmed(event['anonymousId']))
}

function fromTraits(event: Fields, kind: 'email' | 'phone'): string | null {
  const own = inner(event, 'traits')?.[kind]
  const value = trimmed(own) ?? trimmed(inner(inner(event, 'context'), 'traits')?.[kind])
  return keyed(kind, value?.toLowerCase())
}

function inner(fields: Fields | undefined, key: string): Fields | undefined {
  const value = fields?.[key]
  return isObject(value) ? value : undefined
}

function trimmed(value: unknown): string | undefined {
  const text = typeof value === 'string' ? value.trim() : ''
  return text === '' || Buffer.byteLength(text) > limits.identifierBytesMax ? undefined : text
}

function keyed(kind: string, value: string | undefined): string | null {
  return value === undefined ? null : `${kind}:${value}`
}
