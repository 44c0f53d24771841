import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { segmentTemplates, usualShop } from '@millrace/schemas'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { connectControl } from '../src/control-client.ts'
import { CollectorProcess, testKeys } from './collector-process.ts'
import { readJson, readStatus } from './read-side.ts'
import { WebhookReceiver } from './webhook-receiver.ts'

const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
const data = mkdtempSync(join(tmpdir(), 'millrace-automation-'))
const collector = new CollectorProcess(data, ['--object-delay-ms', '100', '--load-delay-ms', '100', '--webhook-allow-private'])
const receiver = new WebhookReceiver(secret)
let hook = ''
let visitors = 0

beforeAll(async () => {
  hook = await receiver.start()
  await collector.start()
}, 60_000)

afterAll(async () => {
  await collector.stop()
  await receiver.close()
  rmSync(data, { recursive: true })
}, 60_000)

beforeEach(() => {
  receiver.answer = (_, response) => {
    response.writeHead(204).end()
  }
})

describe('the abandoned cart, as a user has it', () => {
  it('shows the automation ready but for the webhook, and says what is wrong with settings', async () => {
    const { body } = await readJson(collector.url, '/v1/automations', testKeys.secretKey)
    expect(body).toMatchObject({ automations: [{ name: 'abandoned-cart', enabled: false, delaySeconds: 3_600, webhook: null, cartMetrics: expect.arrayContaining(['Product Added']) }] })
    const refused = await put({ enabled: true })
    expect(refused).toMatchObject({ status: 400, body: { success: false, error: { code: 'bad_request', message: expect.stringContaining('webhook: give') } } })
    expect(await segments()).toEqual([])
    expect(await put({ webhook: { url: 'ftp://example.com' } })).toMatchObject({ status: 400, body: { error: { message: expect.stringContaining('webhook.url: must begin with https://') } } })
    expect((await readJson(collector.url, '/v1/automations', testKeys.writeKey)).status).toBe(401)
    expect(await put({ enabled: true, delaySeconds: 1, webhook: { url: hook, secret } })).toMatchObject({
      status: 200, body: { automation: { enabled: true, webhook: { url: hook, secret: expect.not.stringContaining(secret), state: 'ok' } } },
    })
  })

  it('stored three segments at its start, each once, and leaves one that was changed as it is', async () => {
    const made = await segments()
    const names = segmentTemplates().map(({ name }) => name)
    expect(made.map(({ name, version }) => [name, version]).toSorted()).toEqual(names.toSorted().map((name) => [name, 1]))
    const { body } = await readJson(collector.url, '/v1/automations', testKeys.secretKey)
    expect(body).toMatchObject({ automations: [{ segments: names.map((name) => ({ name, about: expect.any(String), id: made.find((one) => one.name === name)?.id })) }] })
    const definition = { type: 'profile-property', property: 'vip', operator: 'equals', value: true }
    const changed = await fetch(`${collector.url}/v1/segments`, {
      method: 'POST', headers: { authorization: `Bearer ${testKeys.secretKey}`, 'content-type': 'application/json' }, body: JSON.stringify({ name: 'Top spenders', definition }),
    })
    expect(changed.status).toBe(200)
    for (const enabled of [false, true]) expect(await put({ enabled })).toMatchObject({ status: 200 })
    expect((await segments()).find(({ name }) => name === 'Top spenders')).toMatchObject({ version: 2, definition })
    expect(await segments()).toHaveLength(3)
  })

  it('stores them with the shop\'s own order metric, where another workspace is started by the command', async () => {
    const control = await connectControl(data)
    const keys = await control?.call('createKeys', { workspace: 'other' })
    const body = { enabled: true, webhook: { url: hook, secret }, orderMetrics: ['Paid', 'Placed Order'] }
    expect(await control?.call('changeAutomation', { workspace: 'other', automation: 'abandoned-cart', body })).toMatchObject({
      automation: { enabled: true, segments: segmentTemplates().map(({ name }) => ({ name, id: expect.any(String) })) },
    })
    const stored = await segments(String(Reflect.get(Object(keys), 'secretKey')))
    expect(stored.map(({ name, definition }) => ({ name, definition }))).toEqual(expect.arrayContaining(
      segmentTemplates({ ...usualShop, orderMetric: 'Paid' }).map(({ name, definition }) => ({ name, definition }))))
  })

  it('sends one signed webhook with profile and lines a delay after the last cart event', async () => {
    const visitor = newVisitor()
    await send([
      track(visitor, 'Product Viewed', { product_id: 'p1' }),
      { ...track(visitor, 'product_added', { product_id: 'p1', name: 'Cup', price: 2.5, quantity: 2, currency: 'GBP' }), timestamp: new Date(Date.now() - 50).toISOString() },
      track(visitor, 'productAdded', { productId: 'p2', name: 'Plate', price: 4, quantity: 1 }),
      { type: 'identify', anonymousId: visitor, traits: { email: `${visitor}@example.com`, name: 'Ada' } },
    ])
    const [webhook] = await webhooksOf(visitor, 1)
    expect(webhook).toMatchObject({
      verified: 1, body: {
        type: 'cart.abandoned', data: {
          cart: { lines: [{ productId: 'p1', quantity: 2, price: 2.5 }, { productId: 'p2', name: 'Plate' }], amount: 9, currency: 'GBP' },
          profile: { identifiers: { email: [`${visitor}@example.com`] }, properties: { name: 'Ada' }, version: expect.any(Number) },
        },
      },
    })
    // The receiver hears of it before the outcome is stored.
    await untilNoneWait()
    const { body } = await readJson(collector.url, `/v1/automations/abandoned-cart/deliveries/${webhook?.id}`, testKeys.secretKey)
    expect(body).toMatchObject({ delivery: { webhookId: webhook?.id, state: 'sent', attempts: [{ attempt: 1, status: 204 }] } })
  })

  it('sends nothing to who ordered on another device, known as the same person only later, nor for history', async () => {
    const browser = newVisitor()
    const phone = newVisitor()
    const witness = newVisitor()
    const old = newVisitor()
    await send([
      track(browser, 'Product Added', { product_id: 'p1' }),
      track(phone, 'Placed Order', { order_id: 'o1' }),
      { ...track(old, 'Product Added', { product_id: 'p1' }), timestamp: new Date(Date.now() - 25 * 3_600_000).toISOString() },
      { ...track(old, 'Product Added', { product_id: 'p1' }), backfill: true },
      { type: 'identify', userId: `user-${browser}`, anonymousId: browser, traits: {} },
      { type: 'identify', userId: `user-${browser}`, anonymousId: phone, traits: {} },
    ])
    await send([track(witness, 'Product Added', { product_id: 'p9' })])
    // The witness is due after them: once it came and nothing waits, theirs would have come.
    await webhooksOf(witness, 1)
    await untilNoneWait()
    expect(receivedOf(browser)).toEqual([])
    expect(receivedOf(phone)).toEqual([])
    expect(receivedOf(old)).toEqual([])
  })

  it('keeps one webhook id a cart through kill -9 of every process around the due instant', async () => {
    // Every first try is answered with 500, so that tries and retries both meet the kills.
    const refused = new Set<string>()
    receiver.answer = ({ id }, response) => {
      response.writeHead(refused.has(id) ? 200 : 500).end()
      refused.add(id)
    }
    const people = Array.from({ length: 60 }, newVisitor)
    const before = new Set(receiver.ids())
    await send(people.map((visitor) => track(visitor, 'Product Added', { product_id: visitor })))
    const first = receiver.received.length
    await receiver.until(() => receiver.received.length > first)
    await collector.kill('worker')
    await receiver.until(() => receiver.received.length > first + 20)
    await collector.kill('worker')
    await receiver.until(() => receiver.received.length > first + 40)
    await collector.kill('collector')
    await collector.start()
    await receiver.until(() => people.every((visitor) => receivedOf(visitor).length > 0))
    // A second webhook of a cart would have been judged with the others: wait until the outbox is empty.
    await untilNoneWait()
    const ids = [...receiver.ids()].filter((id) => !before.has(id))
    expect(ids).toHaveLength(people.length)
    for (const visitor of people) expect(new Set(receivedOf(visitor).map(({ id }) => id)).size).toBe(1)
    expect(receiver.received.every(({ verified }) => verified === 1)).toBe(true)
    const { body } = await readJson(collector.url, '/v1/automations/abandoned-cart/deliveries?limit=200', testKeys.secretKey)
    const deliveries: readonly { state: string }[] = Object(Reflect.get(Object(body), 'deliveries'))
    expect(deliveries.filter(({ state }) => state !== 'sent')).toEqual([])
  }, 120_000)

  it('parks what is refused, shows each try, and sends it again when replayed', async () => {
    receiver.answer = (_, response) => {
      response.writeHead(422).end()
    }
    const visitor = newVisitor()
    await send([track(visitor, 'Product Added', { product_id: 'p1' })])
    const [webhook] = await webhooksOf(visitor, 1)
    const parked = await until(async () => {
      const { body } = await readJson(collector.url, '/v1/automations/abandoned-cart/deliveries?state=parked', testKeys.secretKey)
      const found: readonly unknown[] = Object(Reflect.get(Object(body), 'deliveries'))
      return found[0] ?? null
    })
    expect(parked).toMatchObject({ webhookId: webhook?.id, reason: 'refused', attempts: [{ status: 422 }] })
    receiver.answer = (_, response) => {
      response.writeHead(200).end()
    }
    const replay = await fetch(`${collector.url}/v1/automations/abandoned-cart/deliveries/${webhook?.id}/replay`, { method: 'POST', headers: { authorization: `Bearer ${testKeys.secretKey}` } })
    expect(await replay.json()).toEqual({ replayed: 1 })
    const again = await webhooksOf(visitor, 2)
    expect(new Set(again.map(({ id }) => id)).size).toBe(1)
  })

  it('is shown, stopped and started by the command, which reaches it through the control port', async () => {
    const control = await connectControl(data)
    const call = (method: string, params: object): Promise<unknown> => control?.call(method, { workspace: 'default', ...params }) ?? Promise.resolve(null)
    expect(await call('changeAutomation', { automation: 'abandoned-cart', body: { enabled: false } })).toMatchObject({ automation: { enabled: false, webhook: { url: hook } } })
    expect(await call('automations', {})).toMatchObject([{ name: 'abandoned-cart', enabled: false, deliveries: { parked: 0 } }])
    expect(await call('replayAutomation', {})).toBe(0)
    await expect(call('automations', { workspace: 'nobody' })).rejects.toThrow('there is no workspace')
    expect((await readStatus(collector.url, testKeys.secretKey)).automations).toMatchObject({ openCarts: 0, deliveries: { waiting: 0 } })
  })

  it('counts what it does', async () => {
    const text = await (await fetch(`${collector.url}/metrics`)).text()
    expect(text).toMatch(/^millrace_carts_judged_total\{outcome="sent"\} \d+$/m)
    expect(text).toMatch(/^millrace_webhook_attempts_total\{result="2xx"\} \d+$/m)
  })
})

function newVisitor(): string {
  visitors += 1
  return `visitor-${visitors}`
}

function track(visitor: string, event: string, properties: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return { type: 'track', event, anonymousId: visitor, timestamp: new Date().toISOString(), properties }
}

async function send(batch: readonly Readonly<Record<string, unknown>>[]): Promise<void> {
  const response = await fetch(`${collector.url}/v1/batch`, {
    method: 'POST', headers: { authorization: `Basic ${Buffer.from(`${testKeys.writeKey}:`).toString('base64')}`, 'content-type': 'application/json' },
    body: JSON.stringify({ batch }),
  })
  expect(response.status).toBe(200)
}

async function put(body: unknown): Promise<{ readonly status: number; readonly body: unknown }> {
  const response = await fetch(`${collector.url}/v1/automations/abandoned-cart`, {
    method: 'PUT', headers: { authorization: `Bearer ${testKeys.secretKey}`, 'content-type': 'application/json' }, body: JSON.stringify(body),
  })
  return { status: response.status, body: await response.json() }
}

interface StoredSegment {
  readonly id: string
  readonly name: string
  readonly version: number
  readonly definition: unknown
}

async function segments(secretKey = testKeys.secretKey): Promise<readonly StoredSegment[]> {
  const { body } = await readJson(collector.url, '/v1/segments', secretKey)
  const list: readonly StoredSegment[] = Object(Reflect.get(Object(body), 'segments'))
  return list
}

function receivedOf(visitor: string): WebhookReceiver['received'] {
  return receiver.received.filter(({ body }) => JSON.stringify(body).includes(`"${visitor}"`))
}

async function webhooksOf(visitor: string, count: number): Promise<WebhookReceiver['received']> {
  await receiver.until(() => receivedOf(visitor).length >= count)
  return receivedOf(visitor)
}

async function untilNoneWait(): Promise<void> {
  await until(async () => {
    const { body } = await readJson(collector.url, '/v1/automations', testKeys.secretKey).catch(() => ({ body: null }))
    const [automation]: readonly unknown[] = Object(Reflect.get(Object(body), 'automations') ?? [])
    const waiting: unknown = Reflect.get(Object(Reflect.get(Object(automation), 'deliveries')), 'waiting')
    const open: unknown = Reflect.get(Object(Reflect.get(Object(automation), 'carts')), 'open')
    return waiting === 0 && open === 0 ? automation : null
  })
}

/** Polls until there is an answer; the test's own time limit ends it. */
async function until<T>(ask: () => Promise<T | null>): Promise<T> {
  for (;;) {
    const answer = await ask()
    if (answer !== null) return answer
    await sleep(20)
  }
}
