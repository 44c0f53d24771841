import { Registry } from 'prom-client'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../platform/clock.ts'
import { createLogger } from '../platform/logger.ts'
import type { DeliveryRow } from '../ports/automation-store.ts'
import { SqliteOltp } from '../stores/oltp/sqlite/sqlite-oltp.ts'
import { SqliteReader } from '../stores/oltp/sqlite/sqlite-reader.ts'
import { AutomationMetrics } from './automation-metrics.ts'
import { defaultCartSettings, settingsText } from './cart-settings.ts'
import type { AttemptResult } from './delivery-policy.ts'
import type { WebhookPoster, WebhookRequest } from './post-webhook.ts'
import { WebhookSender } from './webhook-sender.ts'

const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`

/** A poster whose answers the test gives. */
class ManualPoster implements WebhookPoster {
  readonly open: { readonly request: WebhookRequest; readonly answer: (status: number) => void }[] = []
  #wake: () => void = () => {}

  post(request: WebhookRequest): Promise<AttemptResult> {
    return new Promise((resolve) => {
      const at = Date.now()
      this.open.push({ request, answer: (status) => resolve({ at, durationMs: 1, status, error: null, retryAfterMs: null }) })
      this.#wake()
    })
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  close(): void {}
}

describe('the sender', () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-sender-'))
  let oltp: SqliteOltp
  let poster: ManualPoster
  let sender: WebhookSender
  let databases = 0

  beforeEach(async () => {
    databases += 1
    oltp = new SqliteOltp(join(directory, `${databases}.db`))
    await oltp.migrate()
    poster = new ManualPoster()
    sender = new WebhookSender({
      store: oltp.automations, poster, clock: systemClock, logger: createLogger('error', () => {}, Date.now), metrics: new AutomationMetrics(new Registry()),
      random: () => 0, owner: 'me',
    })
  })

  afterEach(async () => {
    const stopping = sender.stop()
    for (const { answer } of poster.open) answer(200)
    await stopping
    await oltp.close()
    if (databases === 3) rmSync(directory, { recursive: true })
  })

  async function enable(workspace: number, part: object = {}): Promise<void> {
    const webhook = { url: `https://shop-${workspace}.example/`, secret, previous: null, ...part }
    await oltp.automations.putAutomation({ workspace, automation: 'abandoned-cart', updatedAt: 0, settings: settingsText({ ...defaultCartSettings, enabled: true, webhook }) }, 1)
  }

  async function add(workspace: number, count: number): Promise<void> {
    await oltp.automations.transact(async (transaction) => {
      for (let number = 0; number < count; number += 1) await transaction.addDelivery(delivery(workspace, number))
    })
    sender.wake()
  }

  it('lets no receiver that never answers hold up another', async () => {
    await enable(1)
    await enable(2)
    sender.start()
    await add(1, 100)
    await poster.until(() => poster.open.length === 16)
    await add(2, 40)
    const own = (): ManualPoster['open'] => poster.open.filter(({ request }) => request.url.includes('shop-2'))
    await poster.until(() => own().length === 16)
    // Slots of the second are free again with each answer; the first still has its sixteen.
    for (let answered = 0; answered < 40; answered += 1) {
      await poster.until(() => own().length > answered)
      own()[answered]?.answer(200)
    }
    expect(poster.open.filter(({ request }) => request.url.includes('shop-1'))).toHaveLength(16)
  })

  it('signs with both secrets while one follows the other, and keeps to the id', async () => {
    await enable(1, { previous: { secret: `whsec_${Buffer.alloc(32, 8).toString('base64')}`, until: Date.now() + 60_000 } })
    sender.start()
    await add(1, 1)
    await poster.until(() => poster.open.length === 1)
    const { headers } = poster.open[0]?.request ?? { headers: {} }
    expect(headers).toMatchObject({ 'webhook-id': '1-0', 'webhook-signature': expect.stringMatching(/^v1,\S+ v1,\S+$/) })
  })

  it('sends nothing to a disabled endpoint, and parks what waits, visibly', async () => {
    await enable(1)
    sender.start()
    await add(1, 17)
    await poster.until(() => poster.open.length === 16)
    poster.open[0]?.answer(410)
    await expect.poll(async () => (await oltp.automations.endpoint({ workspace: 1, automation: 'abandoned-cart' }))?.disabledReason).toBe('gone')
    const reader = new SqliteReader(join(directory, `${databases}.db`))
    const parked = async (): Promise<readonly (string | null)[]> =>
      (await reader.automations.deliveries({ workspace: 1, automation: 'abandoned-cart', state: 'parked', limit: 100 })).map(({ reason }) => reason)
    await expect.poll(parked).toEqual(['endpoint_disabled', 'gone'])
    await reader.close()
    expect(poster.open).toHaveLength(16)
  })
})

function delivery(workspace: number, number: number): DeliveryRow {
  return {
    workspace, automation: 'abandoned-cart', webhookId: `${workspace}-${number}`, profileId: '00000000-0000-8000-8000-000000000000', body: '{}', dueAt: 0, createdAt: 0,
    state: 'waiting', reason: null, attempts: 0, round: 0, roundStartedAt: null, nextAt: number, sentAt: null,
  }
}
