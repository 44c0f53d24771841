import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connectControl } from '../src/control-client.ts'
import { CollectorProcess, testKeys } from './collector-process.ts'
import { readJson, untilAtRest } from './read-side.ts'
import type { WholePathEngines } from './whole-path.ts'

type Json = Readonly<Record<string, unknown>>

/** Consent and explanations from outside, on whatever engines; joins as {@link wholePath} does. */
export function wholePathIdentity(name: string, engines: () => Promise<WholePathEngines>): void {
  const data = mkdtempSync(join(tmpdir(), 'millrace-identity-'))
  let collector: CollectorProcess
  let made: WholePathEngines
  let accepted = 0

  async function send(batch: readonly Json[], key: string = testKeys.writeKey): Promise<void> {
    const response = await fetch(`${collector.url}/v1/batch`, {
      method: 'POST', body: JSON.stringify({ batch }), headers: { authorization: `Basic ${Buffer.from(`${key}:`).toString('base64')}` },
    })
    expect(response.status).toBe(200)
    accepted += batch.length
    await untilAtRest(() => collector.url, testKeys.secretKey, { accepted, withinMs: 30_000 })
  }

  async function read(path: string): Promise<{ readonly status: number; readonly body: Json }> {
    const { status, body } = await readJson(collector.url, path, testKeys.secretKey)
    return { status, body: Object(body) }
  }

  async function card(query: string): Promise<{ readonly id: string; readonly consent: unknown; readonly properties: unknown }> {
    const { status, body } = await read(`/v1/profiles?${query}`)
    expect(status).toBe(200)
    const { id, consent, properties } = Object(body['profile'])
    return { id, consent, properties }
  }

  describe(`identity on the whole path: ${name}`, () => {
    beforeAll(async () => {
      made = await engines()
      collector = new CollectorProcess(data, ['--object-delay-ms', '50', '--load-delay-ms', '50', '--region', 'GB', ...made.flags])
      await collector.start()
    })

    afterAll(async () => {
      const code = await collector.stop()
      await made.cleanup()
      rmSync(data, { recursive: true })
      expect(code).toBe(0)
    })

    it('shows the consent of a profile\'s addresses, the latest word whatever order it comes in', async () => {
      await send([
        identify('c1', 10, { userId: 'ada', traits: { email: 'ada@example.com', phone: '020 7946 0123', name: 'Ada', consent: { email: 'subscribed', sms: { status: 'subscribed', method: 'checkout' } } } }),
        { type: 'track', event: 'Unsubscribed', userId: 'ada', messageId: 'c3', timestamp: minute(30), context: { traits: { email: 'ADA@example.com' } } },
      ])
      // Late: said before the word that counts.
      await send([identify('c2', 20, { userId: 'ada', traits: { email: 'ada@example.com', consent: { email: 'subscribed' } } })])
      const { id, consent, properties } = await card('externalId=ada')
      expect(consent).toEqual({
        email: { 'ada@example.com': { status: 'unsubscribed', at: minute(30), messageId: 'c3' } },
        sms: { '+442079460123': { status: 'subscribed', at: minute(10), method: 'checkout', messageId: 'c1' } },
      })
      expect(properties).toEqual({ email: 'ada@example.com', phone: '020 7946 0123', name: 'Ada' })
      expect((await read(`/v1/profiles/${id}/export`)).body).toMatchObject({ consent: {
        email: { 'ada@example.com': [{ status: 'unsubscribed', messageId: 'c3' }, { status: 'subscribed', messageId: 'c2' }, { status: 'subscribed', messageId: 'c1' }] },
        sms: { '+442079460123': [{ status: 'subscribed', method: 'checkout', at: minute(10), receivedAt: expect.any(String) }] },
      } })
    })

    it('gives a new number no consent, and takes none from the old one', async () => {
      await send([identify('c4', 40, { userId: 'ada', traits: { phone: '020 7946 0999' } })])
      expect((await card('phone=%2B442079460999')).consent).toMatchObject({ sms: { '+442079460123': { status: 'subscribed' } } })
      expect((await card('externalId=ada')).consent).not.toHaveProperty(['sms', '+442079460999'])
    })

    it('never makes consent more permissive by a merge, and gives it back by a split', async () => {
      await send([
        identify('m1', 10, { anonymousId: 'm-phone', traits: { phone: '020 7946 0555', consent: { sms: 'suppressed' } } }),
        identify('m2', 50, { userId: 'mia', traits: { phone: '020 7946 0556', email: 'mia@example.com', consent: { sms: 'subscribed', email: 'subscribed' } } }),
      ])
      const apart = await card('externalId=mia')
      await send([identify('m3', 60, { userId: 'mia', anonymousId: 'm-phone' })])
      const together = await card('externalId=mia')
      expect(await card('phone=020%207946%200555')).toEqual(together)
      expect(together.consent).toMatchObject({ sms: { '+442079460555': { status: 'suppressed' }, '+442079460556': { status: 'subscribed' } } })
      const split = await fetch(`${collector.url}/v1/profiles/${together.id}/split`, {
        method: 'POST', headers: { authorization: `Bearer ${testKeys.secretKey}` },
        body: JSON.stringify({ a: { kind: 'externalId', value: 'mia' }, b: { kind: 'anonymousId', value: 'm-phone' } }),
      })
      expect(split.status).toBe(200)
      expect((await card('externalId=mia')).consent).toEqual(apart.consent)
      expect((await card('anonymousId=m-phone')).consent).toMatchObject({ sms: { '+442079460555': { status: 'suppressed', messageId: 'm1' } } })
    })

    it('lets a public key make consent stricter than the secret key\'s word, never milder', async () => {
      const said = (id: string, at: number, status: string): Json =>
        identify(id, at, { userId: 'tess', traits: { email: 'tess@example.com', consent: { email: status } } })
      const consent = async (): Promise<unknown> => (await card('externalId=tess')).consent
      await send([said('t1', 10, 'unsubscribed')], testKeys.secretKey)
      await send([said('t2', 20, 'subscribed')])
      expect(await consent()).toEqual({ email: { 'tess@example.com': { status: 'unsubscribed', at: minute(10), trusted: true, messageId: 't1' } } })
      await send([said('t3', 30, 'suppressed')])
      expect(await consent()).toMatchObject({ email: { 'tess@example.com': { status: 'suppressed', messageId: 't3' } } })
      await send([said('t4', 40, 'subscribed')], testKeys.secretKey)
      expect(await consent()).toMatchObject({ email: { 'tess@example.com': { status: 'subscribed', trusted: true, messageId: 't4' } } })
    })

    it('shows it at the address\'s own person where the event is another\'s', async () => {
      await send([
        identify('o1', 10, { userId: 'olga', traits: { phone: '020 7946 0777' } }),
        // The household's phone belongs to the first account; the second one opts it out.
        identify('o2', 20, { userId: 'oskar', traits: { phone: '020 7946 0777' } }),
      ])
      expect((await card('externalId=olga')).consent).toEqual({})
      await send([identify('o3', 30, { userId: 'oskar', traits: { phone: '020 7946 0777', consent: { sms: 'unsubscribed' } } })])
      expect((await card('externalId=olga')).consent).toMatchObject({ sms: { '+442079460777': { status: 'unsubscribed', messageId: 'o3' } } })
      expect((await card('externalId=oskar')).consent).toEqual({})
    })

    it('flags what says nothing of an address, and stores it all the same', async () => {
      await send([
        identify('f1', 10, { userId: 'fay', traits: { name: 'Fay', consent: { email: 'subscribed' } } }),
        identify('f2', 10, { userId: 'fay', traits: { email: 'fay@example.com', consent: { email: 'yes please' } } }),
        identify('f3', 10, { userId: 'fay', traits: { email: 'fay@example.com', consent: { email: 'never' } } }),
      ])
      expect((await card('externalId=fay')).consent).toEqual({ email: { 'fay@example.com': { status: 'never', at: minute(10), messageId: 'f3' } } })
      const events = [(await read('/v1/events?limit=1000')).body['events']].flat().map((event): readonly [string, unknown] => [String(Reflect.get(Object(event), 'messageId')), Reflect.get(Object(event), 'flags')])
      expect(Object.fromEntries(events)).toMatchObject({ f1: ['consent_ignored'], f2: ['consent_ignored'], f3: [] })
    })

    it('explains why two identifiers are one person or two, and shows vetoes', async () => {
      await send([
        identify('e1', 10, { userId: 'eve', traits: { email: 'eve@example.com' } }),
        identify('e2', 20, { anonymousId: 'e-tablet', traits: { email: 'eve@example.com' } }),
        identify('e3', 30, { userId: 'emil', anonymousId: 'e-tablet' }),
      ])
      const explain = (query: string): ReturnType<typeof read> => read(`/v1/identity/explain?${query}`)
      expect(await explain('anonymousId=e-tablet&externalId=eve')).toMatchObject({ status: 200, body: {
        samePerson: true, rejected: null, path: [{ cause: { messageId: 'e2', metric: 'identify' }, firstSeen: minute(20), count: 1 }, { cause: { messageId: 'e1' } }],
        sentence: expect.stringContaining('are one person through email "eve@example.com": event "e2" (identify, '),
      } })
      expect(await explain('email=EVE@example.com&externalId=emil')).toMatchObject({ status: 200, body: {
        samePerson: false, rejected: { cause: { messageId: 'e3' }, hindrance: { rule: 'limit', kind: 'external_id' } },
        sentence: expect.stringMatching(/^email "eve@example.com" and external id "emil" are two people: event "e3" .* has at most 1 external id\.$/),
      } })
      expect((await explain('externalId=emil&externalId=olga')).body).toMatchObject({ samePerson: false, path: [], rejected: null, sentence: expect.stringContaining('no event connects them') })
      // Parted above.
      expect((await explain('externalId=mia&anonymousId=m-phone')).body).toMatchObject({ samePerson: false, rejected: { hindrance: { rule: 'veto' } }, sentence: expect.stringContaining('an operator parted') })
      const { body: graph } = await read(`/v1/profiles/${(await card('externalId=mia')).id}/graph`)
      expect(graph).toMatchObject({ vetoes: [{ a: { value: expect.stringMatching(/^m/) }, b: { value: expect.stringMatching(/^m/) }, since: expect.any(String) }] })
      for (const bad of ['', 'email=eve@example.com', 'email=nonsense&externalId=eve', 'email=eve@example.com&shoe=1', 'email=a&email=b&email=c']) expect((await explain(bad)).status, bad).toBe(400)
      expect((await explain('externalId=nobody&externalId=eve')).status).toBe(404)
      expect((await readJson(collector.url, '/v1/identity/explain?externalId=mia&externalId=eve', testKeys.writeKey)).status).toBe(401)
    })

    it('makes the same consent again from the archive', async () => {
      const queries = ['externalId=ada', 'externalId=mia', 'anonymousId=m-phone', 'externalId=olga']
      const before = await Promise.all(queries.map(card))
      const control = await connectControl(data)
      await control?.call('rebuildProfiles', {})
      expect(await Promise.all(queries.map(card))).toEqual(before)
    })

    it('forgets consent with the person', async () => {
      const { id } = await card('externalId=fay')
      const erased = await fetch(`${collector.url}/v1/profiles/${id}`, { method: 'DELETE', headers: { authorization: `Bearer ${testKeys.secretKey}` } })
      expect(await erased.json()).toMatchObject({ tiers: { oltp: { consent: 1 } } })
      await send([identify('f4', 90, { userId: 'fay', traits: { email: 'fay@example.com' } })])
      expect((await card('externalId=fay')).consent).toEqual({})
    })
  })
}

function minute(number: number): string {
  return new Date(Date.UTC(2026, 2, 1, 10, number)).toISOString()
}

function identify(messageId: string, at: number, part: Json): Json {
  return { type: 'identify', messageId, timestamp: minute(at), ...part }
}
