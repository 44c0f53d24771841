import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { propertySettings } from '../../test/property-settings.ts'
import { extractIdentifiers, strongestIdentifier } from './extract-identifiers.ts'

function found(event: Parameters<typeof extractIdentifiers>[0]): readonly string[] {
  return extractIdentifiers(event, { region: 'DE' }).identifiers.map(({ kind, namespace, value }) => [kind, namespace, value].filter((part) => part !== '').join(' '))
}

describe('extractIdentifiers', () => {
  it('finds every place there is, strongest first', () => {
    expect(found({
      type: 'identify', userId: 'z', anonymousId: 'browser',
      traits: { email: 'A@b.example', phone: '0171 1234567' },
      context: {
        traits: { email: 'other@b.example' }, device: { id: 'd1', token: 't1' }, os: { name: 'iOS' }, app: { namespace: 'shop' },
        externalIds: [{ id: 42, type: 'shopify:example', collection: 'users' }, { id: 'x', type: 'crm', collection: 'accounts' }],
      },
    })).toEqual([
      'external_id z', 'external_id shopify:example 42', 'email a@b.example', 'email other@b.example', 'phone +491711234567',
      'device ios/shop d1', 'device ios/shop t1', 'anonymous_id browser',
    ])
  })

  it('takes tokens of carts and checkouts, of each shop its own', () => {
    const context = { externalIds: [{ id: 'c1', type: 'cart' }, { id: 'k1', type: 'checkout:shop.example', collection: 'users' }, { id: 'x', type: 'cartoon' }] }
    expect(found({ type: 'track', anonymousId: 'browser', context })).toEqual(['external_id cartoon x', 'anonymous_id browser', 'cart c1', 'checkout shop.example k1'])
    // What a shop's own server says of a cart belongs to whoever filled it.
    expect(found({ type: 'track', context: { externalIds: [{ id: 'c1', type: 'cart' }] } })).toEqual(['cart c1'])
  })

  it('does not look into properties', () => {
    const gift = { type: 'track', anonymousId: 'browser', properties: { email: 'friend@b.example' } } as const
    expect(found(gift)).toEqual(['anonymous_id browser'])
  })

  it('decides from an alias alone what its previous id is', () => {
    expect(found({ type: 'alias', userId: 'new', previousId: 'old' })).toEqual(['external_id new', 'external_id old'])
    expect(found({ type: 'alias', userId: 'new', previousId: 'b', anonymousId: 'b' })).toEqual(['external_id new', 'anonymous_id b'])
    const uuid = '0191d3a0-0000-7000-8000-000000000001'
    expect(found({ type: 'alias', userId: 'new', previousId: uuid })).toEqual(['external_id new', `anonymous_id ${uuid}`])
  })

  it('leaves out what identifies nobody', () => {
    expect(found({ type: 'track', userId: 'undefined', anonymousId: '0', traits: { email: 'guest@shop.example', phone: true } })).toEqual([])
  })

  it('does not take the e-mail of a group for its member', () => {
    expect(found({ type: 'group', userId: 'u', groupId: 'g', traits: { email: 'office@b.example' } }))
      .toEqual(['external_id u'])
  })

  it('reads nothing but the right types', () => {
    const context = [{ traits: { email: 'a@b.example' } }]
    const odd = { type: 'track', userId: ['u'], anonymousId: { a: 1 }, previousId: 7, traits: 'x', context }
    expect(found(odd)).toEqual(['external_id 7'])
    const externalIds = [null, 'x', { type: 1, id: 2 }, { type: 'crm', id: {} }]
    expect(found({ context: { traits: null, device: 'd', os: 1, externalIds } })).toEqual([])
  })

  it('puts the userId before other external ids, and takes ten of those at most', () => {
    const externalIds = Array.from({ length: 12 }, (_, id) => ({ type: 'crm', id: `a${id}` }))
    const list = found({ userId: ' z ', previousId: 'a', context: { externalIds } })
    expect(list).toHaveLength(12)
    expect(list.slice(0, 2)).toEqual(['external_id z', 'external_id a'])
  })
})

describe('mailboxes', () => {
  it('are identifiers of their own, weakest of all, where the workspace folds addresses', () => {
    const event = { type: 'identify', anonymousId: 'browser', traits: { email: 'Jane.Doe+news@gmail.com' }, context: { traits: { email: 'jane@shop.example' } } }
    const values = (foldEmailAliases: boolean): readonly string[] => extractIdentifiers(event, { region: null, foldEmailAliases }).identifiers.map(({ kind, value }) => `${kind} ${value}`)
    expect(values(false)).toEqual(['email jane.doe+news@gmail.com', 'email jane@shop.example', 'anonymous_id browser'])
    expect(values(true)).toEqual([...values(false), 'email_alias janedoe@gmail.com'])
  })
})

describe('strongestIdentifier', () => {
  const word = fc.constantFrom(
    'a', 'b', 'null', ' A ', '', '0', 'a@b.example', 'B@b.example', '+491711234567', '0171 1234567', 7, true, null,
  )
  const traits = fc.record({ email: word, phone: word }, { requiredKeys: [] })
  const collection = fc.constantFrom('users', 'accounts')
  const externalId = fc.record({ id: word, type: word, collection }, { requiredKeys: ['id', 'type'] })
  const externalIds = fc.array(externalId, { maxLength: 3 })
  const device = fc.record({ id: word, token: word })
  const os = fc.record({ name: word })
  const context = fc.record({ traits, externalIds, device, os }, { requiredKeys: [] })
  const event = fc.record({
    type: fc.constantFrom('track', 'identify', 'group', 'alias'),
    userId: word, anonymousId: word, previousId: word, traits, context,
  }, { requiredKeys: ['type'] })

  it('is the first of all, and what the log carries says the same', () => {
    fc.assert(fc.property(event, fc.constantFrom('DE', null), (sent, region) => {
      const { identifiers } = extractIdentifiers(sent, { region })
      expect(strongestIdentifier(sent, { region })).toEqual(identifiers[0] ?? null)
      const logged: unknown = JSON.parse(JSON.stringify(sent))
      if (typeof logged !== 'object' || logged === null) throw new Error('an object was written')
      expect(extractIdentifiers({ ...logged }, { region })).toEqual({ identifiers })
    }), propertySettings(1_000))
  })
})
