import { expect, it } from 'vitest'
import { noLimits } from '../ports/key.ts'
import { MillraceError } from '../platform/errors.ts'
import type { EdgeRequest } from './edge-request.ts'
import { hashKey, KeyRing, type ListedKey } from './key-ring.ts'
import { KnownSenders } from './known-senders.ts'

const [one, other] = ['key-one-0123456789', 'key-two-0123456789']

function listed(key: string, part: Partial<ListedKey> = {}): ListedKey {
  return { hash: hashKey(key), workspace: 1, kind: 'secret', id: key.slice(0, 7), revoked: false, limits: noLimits, ...part }
}

function request(connection: EdgeRequest['connection'], headers: Readonly<Record<string, string>>): EdgeRequest {
  return { header: (name) => headers[name], query: () => undefined, remoteAddress: undefined, connection, readBody: async () => new Uint8Array(0), discardBody: () => {} }
}

function newConnection(): NonNullable<EdgeRequest['connection']> {
  return { pause: () => {}, resume: () => {}, once: () => {} }
}

function basic(key: string): Readonly<Record<string, string>> {
  return { authorization: `Basic ${Buffer.from(`${key}:`).toString('base64')}` }
}

it('knows a sender whatever its connection said before, and whatever others say on it', () => {
  const ring = new KeyRing([listed(one), listed(other, { workspace: 2 })])
  const senders = new KnownSenders(ring, () => new MillraceError('unauthorized', 'no'))
  const [connection, another] = [newConnection(), newConnection()]
  for (const of of [connection, connection, undefined, another]) {
    expect(senders.of(request(of, basic(one)))).toMatchObject({ workspace: 1, trusted: true })
    expect(senders.of(request(of, basic(other)))).toMatchObject({ workspace: 2, trusted: true })
    expect(senders.of(request(of, { 'x-write-key': one }))).toMatchObject({ workspace: 1, trusted: false })
    expect(() => senders.of(request(of, basic(`${other.slice(0, -1)}0`)))).toThrow('no')
    expect(() => senders.of(request(of, basic('')))).toThrow('no')
    expect(senders.of(request(of, {}))).toBeUndefined()
  }
})

it('hears of a key that is revoked, or changed, at the next request of a connection that is known', () => {
  const ring = new KeyRing([listed(one)])
  const senders = new KnownSenders(ring, () => new MillraceError('unauthorized', 'no'))
  const connection = newConnection()
  expect(senders.of(request(connection, basic(one)))?.workspace).toBe(1)
  ring.replace([listed(one, { workspace: 7 })])
  expect(senders.of(request(connection, basic(one)))?.workspace).toBe(7)
  ring.replace([listed(one, { revoked: true })])
  expect(() => senders.of(request(connection, basic(one)))).toThrow('no')
})
