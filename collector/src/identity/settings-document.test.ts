import { describe, expect, it } from 'vitest'
import { defaultIdentitySettings, isOwnBlocked } from './identity-settings.ts'
import { compileDocument, defaultDocument, parseDocument, solvesDifferently } from './settings-document.ts'

const defaults = defaultDocument()

function parse(identity: unknown): ReturnType<typeof parseDocument> {
  return parseDocument({ identity }, defaults)
}

describe('settings document', () => {
  it('means the defaults where it says nothing', () => {
    expect(parseDocument({}, defaults)).toEqual(defaults)
    expect(compileDocument(defaults, 0)).toEqual(defaultIdentitySettings)
    expect(parseDocument({}, defaultDocument({ ...defaultIdentitySettings, region: 'DE' })).identity.region).toBe('DE')
  })

  it('is kept as it was read', () => {
    const document = parse({ region: 'GB', limits: { phone: 2 }, fanOutMax: 9, blocked: [{ kind: 'email', value: ' Till@Example.com ' }, { emailDomain: 'Example.COM' }, { value: 'x' }] })
    expect(document.identity).toMatchObject({
      region: 'GB', limits: { phone: 2, email: 1 }, fanOutMax: 9, blocked: [{ kind: 'email', value: 'Till@Example.com' }, { emailDomain: 'example.com' }, { value: 'x' }],
    })
    expect(parseDocument(JSON.parse(JSON.stringify(document)), defaults)).toEqual(document)
  })

  const refused: readonly (readonly [unknown, RegExp])[] = [
    [[], /^identity must be an object$/],
    [{ shoes: 1 }, /^identity has no field "shoes"; region, limits, /],
    [{ region: 'Germany' }, /^identity\.region must be null or a country of two capital letters/],
    [{ region: 'de' }, /^identity\.region /],
    [{ limits: { phone: 0 } }, /^identity\.limits\.phone must be a whole number from 1 to 100000$/],
    [{ limits: { phone: '5' } }, /^identity\.limits\.phone /],
    [{ limits: { external_id: 1 } }, /^identity\.limits has no field "external_id"; externalId, email, /],
    [{ limits: 5 }, /^identity\.limits must be an object$/],
    [{ priorities: ['email'] }, /^identity\.priorities must be a list that names each of externalId, email, .* once/],
    [{ priorities: [...defaults.identity.priorities.slice(1), 'email'] }, /^identity\.priorities /],
    [{ priorities: 'email' }, /^identity\.priorities /],
    [{ foldEmailAliases: 'yes' }, /^identity\.foldEmailAliases must be true or false$/],
    [{ fanOutMax: 1.5 }, /^identity\.fanOutMax must be a whole number/],
    [{ degreeMax: 1e9 }, /^identity\.degreeMax must be a whole number from 1 to 100000$/],
    [{ blocked: {} }, /^identity\.blocked must be a list/],
    [{ blocked: [{ value: '' }] }, /^identity\.blocked\[0\]\.value must be a text of 1 to 320 characters$/],
    [{ blocked: [{ value: 'x' }, { kind: 'e-mail', value: 'x' }] }, /^identity\.blocked\[1\]\.kind must be one of externalId, /],
    [{ blocked: [{ emailDomain: 'localhost' }] }, /^identity\.blocked\[0\]\.emailDomain must be a domain/],
    [{ blocked: [{ emailDomain: 'example.com', kind: 'email' }] }, /^identity\.blocked\[0\] must have either emailDomain or value$/],
    [{ blocked: ['x'] }, /^identity\.blocked\[0\] must be an object$/],
    [{ blocked: Array.from({ length: 1_001 }, () => ({ value: 'x' })) }, /^identity\.blocked must have at most 1000 entries$/],
  ]
  for (const [identity, message] of refused) {
    it(`refuses ${JSON.stringify(identity).slice(0, 60)}`, () => {
      expect(() => parse(identity)).toThrow(expect.objectContaining({ code: 'bad_request', message: expect.stringMatching(message) }))
    })
  }

  it('blocks a value however it is spelled, and only of its kind where it names one', () => {
    const settings = compileDocument(parse({
      region: 'GB', blocked: [{ kind: 'phone', value: '020 7946 0123' }, { kind: 'email', value: 'Till@BÜCHER.example' }, { value: 'Kiosk' }, { emailDomain: 'shop.example' }],
    }), 1)
    const blocks = (kind: 'email' | 'phone' | 'external_id' | 'anonymous_id', value: string): boolean => isOwnBlocked({ kind, value }, settings)
    expect([blocks('phone', '+442079460123'), blocks('email', 'till@xn--bcher-kva.example'), blocks('external_id', 'KIOSK'), blocks('anonymous_id', 'kiosk'), blocks('email', 'ada@shop.example')])
      .toEqual([true, true, true, true, true])
    const gmail = compileDocument(parse({ foldEmailAliases: true, blocked: [{ kind: 'email', value: 'our.shop@gmail.com' }] }), 1)
    expect(['ourshop@gmail.com', 'our@gmail.com'].map((value) => isOwnBlocked({ kind: 'email_alias', value }, gmail))).toEqual([true, false])
    expect(isOwnBlocked({ kind: 'email_alias', value: 'our@gmail.com' }, settings)).toBe(true)
    expect([blocks('external_id', '+442079460123'), blocks('external_id', 'ada@shop.example'), blocks('email', 'ada@my-shop.example'), blocks('email', 'kiosk@example.com')])
      .toEqual([false, false, false, false])
  })

  it('knows what makes other people of the same evidence', () => {
    expect(solvesDifferently(defaults, parse({ region: 'DE' }))).toBe(false)
    for (const identity of [{ foldEmailAliases: true }, { limits: { phone: 4 } }, { fanOutMax: 6 }, { degreeMax: 5 }, { blocked: [{ value: 'x' }] }, { priorities: defaults.identity.priorities.toReversed() }]) {
      expect(solvesDifferently(defaults, parse(identity))).toBe(true)
    }
  })
})
