import { describe, expect, test } from 'vitest'
import { MemoryIdentity } from '../../test/memory-identity.ts'
import { extractIdentifiers } from './extract-identifiers.ts'
import type { IdentifierKind } from '../ports/identity.ts'
import type { Evidence } from './gather-evidence.ts'
import type { Identifier } from './identifier.ts'
import { identifierKey } from './identifier-key.ts'
import { defaultIdentitySettings } from './identity-settings.ts'
import { resolveBatch } from './resolve-batch.ts'

const context = { settings: defaultIdentitySettings, identityKey: Buffer.alloc(32, 7) }

interface Resolved {
  readonly store: MemoryIdentity
  /** The values kept of each person. */
  readonly people: readonly string[]
}

/** Resolves events as clients send them. */
function peopleOf(events: readonly Readonly<Record<string, unknown>>[]): Promise<Resolved> {
  return peopleWith(events.map((event) => extractIdentifiers(event, context.settings).identifiers), { batchEvents: 5_000 })
}

/** Resolves what events say of who they are about, so many events at once; where they come newest first, each is earlier than all before. */
async function peopleWith(
  said: readonly (readonly Identifier[])[], { batchEvents, newestFirst = false }: { readonly batchEvents: number; readonly newestFirst?: boolean },
): Promise<Resolved> {
  const store = new MemoryIdentity()
  const evidence = said.filter((identifiers) => identifiers.length > 0).map((identifiers, number): Evidence =>
    ({ workspace: 1, identifiers, time: newestFirst ? -number : number, receivedAt: number, trust: 'public', messageId: `message ${number}`, metric: 'Order Completed' }))
  for (let from = 0; from < evidence.length; from += batchEvents) {
    store.apply((await resolveBatch(store, { evidence: evidence.slice(from, from + batchEvents) }, context)).changes)
  }
  const groups = Map.groupBy(store.identifierRows.values(), ({ profileId }) => profileId)
  return { store, people: [...groups.values()].map((rows) => rows.map(({ value }) => value).sort().join(' ')).sort() }
}

/** Two strangers whose events have the same bad thing in one field. */
function strangers(bad: Readonly<Record<string, unknown>>): readonly Readonly<Record<string, unknown>>[] {
  return ['v1', 'v2'].map((anonymousId) => ({ type: 'identify', anonymousId, ...bad }))
}

describe('bad input glues no stranger to another', () => {
  const cases: readonly { readonly name: string; readonly bad: Readonly<Record<string, unknown>> }[] = [
    ...['null', 'NULL', ' undefined ', '"null"', '0', '[object Object]', '{{ user.id }}'].map((userId) => ({ name: `userId ${userId}`, bad: { userId } })),
    { name: 'a userId that is an object', bad: { userId: { id: 42 } } },
    { name: 'a userId that is a list', bad: { userId: ['42'] } },
    { name: 'a userId that is a boolean', bad: { userId: true } },
    { name: 'a userId that is no safe number', bad: { userId: 2 ** 53 } },
    { name: 'an e-mail of 10 KB', bad: { traits: { email: `${'a'.repeat(10_240)}@example.com` } } },
    { name: 'a domain of 10 KB', bad: { traits: { email: `a@${'b.'.repeat(5_120)}com` } } },
    { name: 'an e-mail that is an object', bad: { traits: { email: { address: 'ada@example.com' } } } },
    { name: 'a phone without a country', bad: { traits: { phone: '0171 1234567' } } },
    { name: 'a phone that is a number without a country', bad: { traits: { phone: 1_711_234_567 } } },
  ]
  for (const { name, bad } of cases) {
    test(name, async () => {
      expect((await peopleOf(strangers(bad))).people).toEqual(['v1', 'v2'])
    })
  }

  test('domains that only look alike are two addresses, and stay apart', async () => {
    const [latin, cyrillic] = ['ada@example.com', 'ada@ex\u0430mple.com']
    const { people } = await peopleOf([
      { type: 'identify', anonymousId: 'v1', traits: { email: latin } }, { type: 'identify', anonymousId: 'v2', traits: { email: cyrillic } },
    ])
    expect(people).toEqual(['ada@example.com v1', 'ada@xn--exmple-4nf.com v2'])
  })

  test('one staff e-mail on 50,000 orders of accounts identifies nobody', async () => {
    const orders = 50_000
    const { store, people } = await peopleOf(Array.from({ length: orders }, (_, number) =>
      ({ type: 'track', userId: `customer-${number}`, context: { traits: { email: 'till@shop.example' } } })))
    expect(people).toHaveLength(orders + 1)
    const staff = store.identifierRows.get(identifierKey(1, { kind: 'email', namespace: '', value: 'till@shop.example' }))
    expect(staff).toMatchObject({ fanOut: true, neighbours: { external_id: orders } })
    expect(new Set([...store.edgeRows.values()].map(({ state }) => state))).toEqual(new Set(['inert']))
  })

  const staff: Identifier = { kind: 'email', namespace: '', value: 'till@shop.example' }
  const of = (kind: IdentifierKind, number: number): Identifier => ({ kind, namespace: '', value: `${kind} ${number}` })
  const guests: readonly { readonly name: string; readonly orders: number; readonly said: (number: number) => readonly (readonly Identifier[])[] }[] = [
    { name: 'with a phone, a browser and a checkout each', orders: 50_000, said: (number) => [[staff, of('phone', number), of('anonymous_id', number), of('checkout', number)]] },
    { name: 'with a browser each', orders: 3_000, said: (number) => [[staff, of('anonymous_id', number)]] },
    { name: 'with a phone each', orders: 26, said: (number) => [[staff, of('phone', number)]] },
    { name: 'with a checkout each that its browser has too', orders: 3_000, said: (number) => [[of('anonymous_id', number), of('checkout', number)], [staff, of('checkout', number)]] },
  ]
  for (const { name, orders, said } of guests) {
    for (const newestFirst of orders < 10_000 ? [false, true] : [false]) {
      test(`one staff e-mail on ${orders} guest orders ${name} leaves no two guests one person${newestFirst ? ', the newest first' : ''}`, async () => {
        const { store, people } = await peopleWith(Array.from({ length: orders }, (_, number) => number).flatMap(said), { batchEvents: 500, newestFirst })
        for (const values of people) expect(new Set(values.match(/\d+/g)).size).toBeLessThanOrEqual(1)
        expect(store.identifierRows.get(identifierKey(1, staff))).toMatchObject({ fanOut: true, degreeCutoffs: {} })
        // What an order costs doesn't grow with how many there were.
        expect(store.rowsRead).toBeLessThan(20 * orders)
      })
    }
  }

  test('an address that comes with as many browsers as a person may have in years stays his', async () => {
    const { people } = await peopleWith(Array.from({ length: 250 }, (_, number) => [staff, of('anonymous_id', number)]), { batchEvents: 50 })
    expect(people).toHaveLength(1)
  })
})
