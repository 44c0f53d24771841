import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { uuidText } from '../../src/platform/uuid.ts'
import type { AttemptOutcome, AttemptRow, AutomationReader, AutomationStore, CartRow, ConsumerFence, DeliveryRow, EndpointRow, Lease } from '../../src/ports/automation-store.ts'
import { t0 } from './batch-row.ts'
import type { OltpUnderTest } from './oltp-contract.ts'

const ref = { workspace: 1, automation: 'abandoned-cart' }
const other = { workspace: 2, automation: 'abandoned-cart' }

function uuid(number: number): string {
  const bytes = Buffer.alloc(16)
  bytes.writeUInt32BE(number, 12)
  return uuidText(bytes)
}

function cart(number: number, part: Partial<CartRow> = {}): CartRow {
  return {
    ...ref, identifierKey: uuid(number), firstAt: t0, firstMessageId: 'm1', lastAt: t0 + 5, lastMessageId: 'Größe 💥', closedThrough: null, dueAt: t0 + 100 + number, ...part,
  }
}

function delivery(number: number, part: Partial<DeliveryRow> = {}): DeliveryRow {
  return {
    ...ref, webhookId: `msg_${number}`, profileId: uuid(100 + number), body: `{"name":"Größe 💥 ${number}"}`, dueAt: t0, createdAt: t0 + number, state: 'waiting',
    reason: null, attempts: 0, round: 0, roundStartedAt: null, nextAt: t0 + number, sentAt: null, ...part,
  }
}

function lease(owner: string, now: number, part: Partial<Lease> = {}): Lease {
  return { owner, now, until: now + 1_000, limit: 10, ...part }
}

function failing(part: Partial<EndpointRow> = {}): EndpointRow {
  return { ...ref, failingSince: t0, disabledAt: null, disabledReason: null, ...part }
}

function attempt(number: number, part: Partial<AttemptRow> = {}): AttemptRow {
  return { workspace: 1, webhookId: `msg_${number}`, attempt: 1, at: t0 + 1, durationMs: 12, status: 500, error: null, ...part }
}

/** What every OLTP driver must do for automations. A driver may skip a case only with a written reason. */
export function automationContract(name: string, open: () => Promise<OltpUnderTest>): void {
  describe(`automation contract: ${name}`, () => {
    let under: OltpUnderTest
    let store: AutomationStore
    let reader: AutomationReader
    let fence: ConsumerFence

    const put = (...rows: readonly CartRow[]): Promise<void> => store.transact((transaction) => transaction.putCarts(rows))
    const add = (...rows: readonly DeliveryRow[]): Promise<readonly boolean[]> => store.transact(async (transaction) => {
      const added: boolean[] = []
      for (const row of rows) added.push(await transaction.addDelivery(row))
      return added
    })
    const carts = (...numbers: readonly number[]): Promise<readonly CartRow[]> => store.transact((transaction) => transaction.carts(ref, numbers.map(uuid)))
    const finish = (part: Omit<AttemptOutcome, 'owner'> & { owner?: string }): Promise<void> => store.finishAttempts([{ owner: 'a', ...part }])

    beforeEach(async () => {
      under = await open()
      await under.oltp.migrate()
      store = under.oltp.automations
      reader = under.reader.automations
      await under.oltp.claimPartition(0, 'pump')
      fence = (await store.claimConsumer(0)).fence
    })
    afterEach(() => under.cleanup())

    it('keeps settings as text, replaces them, and tells workspaces apart', async () => {
      const row = { ...ref, settings: '{"name":"Größe 💥 "}', updatedAt: t0 }
      await store.putAutomation(row, 1)
      await store.putAutomation({ ...other, settings: '{}', updatedAt: t0 }, 1)
      await store.putAutomation({ ...row, updatedAt: t0 + 1 }, 1)
      expect(await store.automations()).toEqual([{ ...row, updatedAt: t0 + 1 }, { ...other, settings: '{}', updatedAt: t0 }])
      expect(await reader.automation(ref)).toEqual({ ...row, updatedAt: t0 + 1 })
      expect(await reader.automation({ ...ref, automation: 'none' })).toBeNull()
    })

    it('moves open carts with a new delay, leaves closed ones, and enables the endpoint again', async () => {
      await put(cart(1), cart(2, { dueAt: null, closedThrough: t0 + 9 }), { ...cart(3), ...other })
      await add(delivery(1))
      await store.leaseDeliveries(ref, lease('a', t0 + 9))
      await finish({ delivery: delivery(1, { state: 'parked', reason: 'gone', nextAt: null }), attempt: null, endpoint: failing({ disabledAt: t0, disabledReason: 'gone' }) })
      expect(await store.endpoint(ref)).toMatchObject({ disabledReason: 'gone' })
      await store.putAutomation({ ...ref, settings: '{}', updatedAt: t0 }, 7)
      expect((await carts(1, 2)).map(({ dueAt }) => dueAt)).toEqual([t0 + 12, null])
      expect(await store.transact((transaction) => transaction.carts(other, [uuid(3)]))).toEqual([{ ...cart(3), ...other }])
      expect(await store.endpoint(ref)).toBeNull()
    })

    it('moves the cursor with the work, in one commit, and never back', async () => {
      await store.consume(fence, 5, (transaction) => transaction.putCarts([cart(1)]))
      await expect(store.consume(fence, 9, async (transaction) => {
        await transaction.putCarts([cart(2)])
        throw new Error('after the writes')
      })).rejects.toThrow('after the writes')
      await store.consume(fence, 3, async () => {})
      expect(await carts(1, 2)).toEqual([cart(1)])
      expect(await store.progress()).toEqual([{ partition: 0, position: null, batch: 0, consumedBatch: 5 }])
      expect(await store.claimConsumer(0)).toEqual({ fence: { partition: 0, epoch: fence.epoch + 1 }, consumedBatch: 5 })
    })

    it('refuses a zombie: an owner whose epoch was passed changes nothing', async () => {
      const second = await under.second()
      await second.automations.claimConsumer(0)
      await expect(store.consume(fence, 5, (transaction) => transaction.putCarts([cart(1)]))).rejects.toMatchObject({ code: 'epoch_lost' })
      expect(await carts(1)).toEqual([])
      expect((await store.progress())[0]?.consumedBatch).toBe(0)
      await second.close()
    })

    it('gives carts back as they were written, in key order, each once', async () => {
      await put(cart(2), cart(1, { closedThrough: t0 - 1 }), { ...cart(1), workspace: 2 })
      expect(await carts(2, 1, 1, 9)).toEqual([cart(1, { closedThrough: t0 - 1 }), cart(2)])
      await put(cart(1, { dueAt: null, firstMessageId: 'm9' }))
      expect(await carts(1)).toEqual([cart(1, { dueAt: null, firstMessageId: 'm9' })])
    })

    it('leases due carts to one owner at a time, the longest due first', async () => {
      await put(cart(3), cart(1), cart(2), cart(4, { dueAt: null }))
      expect(await store.nextCartDue(t0)).toBe(t0 + 101)
      expect(await store.leaseCarts(lease('a', t0 + 102, { limit: 1 }))).toEqual([cart(1)])
      expect(await store.nextCartDue(t0 + 102)).toBe(t0 + 102)
      expect(await store.leaseCarts(lease('b', t0 + 102))).toEqual([cart(2)])
      expect(await store.leaseCarts(lease('b', t0 + 102))).toEqual([])
      // A lease that has run out, and one that ended with the row.
      expect(await store.leaseCarts(lease('b', t0 + 1_102, { limit: 1 }))).toEqual([cart(1)])
      await put(cart(1))
      expect(await store.leaseCarts(lease('a', t0 + 1_102, { limit: 1 }))).toEqual([cart(1)])
      await store.releaseLeases('a')
      expect(await store.leaseCarts(lease('c', t0 + 1_102, { limit: 1 }))).toEqual([cart(1)])
      await store.releaseLeases(null)
      expect(await store.leaseCarts(lease('d', t0 + 1_102, { limit: 9 }))).toHaveLength(3)
      expect(await store.nextCartDue(t0 + 1_102)).toBeNull()
    })

    it('takes a webhook id once a workspace, with nothing of a transaction that rejects', async () => {
      expect(await add(delivery(1), delivery(1, { body: '{}' }), delivery(1, { workspace: 2 }))).toEqual([true, false, true])
      await expect(store.transact(async (transaction) => {
        await transaction.addDelivery(delivery(2))
        throw new Error('after the writes')
      })).rejects.toThrow('after the writes')
      expect(await reader.deliveries({ ...ref, limit: 10 })).toEqual([delivery(1)])
    })

    it('leases deliveries of one automation at a time, and names only automations that have any', async () => {
      await store.putAutomation({ ...ref, settings: '{}', updatedAt: t0 }, 1)
      await store.putAutomation({ ...other, settings: '{}', updatedAt: t0 }, 1)
      await add(delivery(2), delivery(1), delivery(3, { workspace: 2, nextAt: t0 + 50 }), delivery(4, { state: 'sent', nextAt: null, sentAt: t0 }))
      expect(await store.nextDeliveryDue(t0)).toBe(t0 + 1)
      expect(await store.dueEndpoints(t0 + 10, 10)).toEqual([ref])
      expect(await store.dueEndpoints(t0 + 50, 10)).toEqual([ref, other])
      expect(await store.leaseDeliveries(ref, lease('a', t0 + 50, { limit: 1 }))).toEqual([delivery(1)])
      expect(await store.leaseDeliveries(ref, lease('b', t0 + 50))).toEqual([delivery(2)])
      expect(await store.dueEndpoints(t0 + 50, 10)).toEqual([other])
      expect(await store.leaseDeliveries(ref, lease('b', t0 + 1_049))).toEqual([])
      expect(await store.leaseDeliveries(ref, lease('b', t0 + 1_050))).toEqual([delivery(1), delivery(2)])
    })

    it('writes what became of a try: delivery, attempt and endpoint in one commit', async () => {
      await add(delivery(1))
      await store.leaseDeliveries(ref, lease('a', t0 + 9))
      const after = delivery(1, { attempts: 1, round: 1, roundStartedAt: t0 + 1, nextAt: t0 + 5_000 })
      await finish({ delivery: after, attempt: attempt(1), endpoint: failing() })
      expect(await reader.deliveries({ ...ref, limit: 10 })).toEqual([after])
      expect(await reader.attempts(1, ['msg_1', 'msg_9'], 10)).toEqual([attempt(1)])
      expect(await reader.endpoint(ref)).toEqual(failing())
      expect(await reader.endpoint(other)).toBeNull()
      expect(await store.leaseDeliveries(ref, lease('b', t0 + 5_000))).toEqual([after])
    })

    it('keeps the try of an owner whose lease was passed, and of its verdicts only that it was sent', async () => {
      await add(delivery(1))
      await store.leaseDeliveries(ref, lease('a', t0 + 9))
      await store.leaseDeliveries(ref, lease('b', t0 + 2_000))
      await finish({ delivery: delivery(1, { state: 'parked', reason: 'refused', nextAt: null }), attempt: attempt(1), endpoint: failing() })
      expect(await reader.deliveries({ ...ref, limit: 10 })).toEqual([delivery(1)])
      expect(await reader.endpoint(ref)).toBeNull()
      const sent = delivery(1, { attempts: 1, round: 1, roundStartedAt: t0 + 3, state: 'sent', nextAt: null, sentAt: t0 + 4 })
      await finish({ delivery: sent, attempt: attempt(1, { at: t0 + 3, status: 200 }), endpoint: null })
      await finish({ owner: 'b', delivery: delivery(1, { attempts: 1, nextAt: t0 + 99 }), attempt: attempt(1, { at: t0 + 5 }), endpoint: failing() })
      expect(await reader.deliveries({ ...ref, limit: 10 })).toEqual([sent])
      expect((await reader.attempts(1, ['msg_1'], 10)).map(({ at }) => at)).toEqual([t0 + 1, t0 + 3, t0 + 5])
      expect((await reader.attempts(1, ['msg_1'], 2)).map(({ at }) => at)).toEqual([t0 + 1, t0 + 3])
    })

    it('replays what is parked: one, or all of an automation, in a new round', async () => {
      const parked = { state: 'parked', reason: 'refused', nextAt: null, attempts: 3, round: 3, roundStartedAt: t0 } as const
      await add(delivery(1, parked), delivery(2, parked), delivery(3, { ...parked, workspace: 2 }), delivery(4, { state: 'sent', nextAt: null, sentAt: t0 }))
      expect(await store.replay(ref, { webhookId: 'msg_2', now: t0 + 50, limit: 10 })).toBe(1)
      expect(await store.replay(ref, { webhookId: 'msg_4', now: t0 + 50, limit: 10 })).toBe(0)
      expect(await store.leaseDeliveries(ref, lease('a', t0 + 50))).toEqual([delivery(2, { attempts: 3, nextAt: t0 + 50 })])
      expect(await store.replay(ref, { webhookId: null, now: t0 + 60, limit: 10 })).toBe(1)
      expect(await reader.deliveries({ ...other, state: 'parked', limit: 10 })).toHaveLength(1)
    })

    it('pages deliveries newest first, by state and id, and counts', async () => {
      await add(...[1, 2, 3, 4, 5].map((number) => delivery(number, { createdAt: t0 + Math.floor(number / 2), ...(number === 5 ? { state: 'parked', reason: 'gone', nextAt: null } as const : {}) })))
      await put(cart(1), cart(2, { dueAt: null }))
      const ids = async (part: object): Promise<readonly string[]> => (await reader.deliveries({ ...ref, limit: 2, ...part })).map(({ webhookId }) => webhookId)
      expect(await ids({})).toEqual(['msg_5', 'msg_4'])
      expect(await ids({ cursor: { createdAt: t0 + 2, webhookId: 'msg_4' } })).toEqual(['msg_3', 'msg_2'])
      expect(await ids({ cursor: { createdAt: t0 + 1, webhookId: 'msg_2' } })).toEqual(['msg_1'])
      expect(await ids({ state: 'parked' })).toEqual(['msg_5'])
      expect(await ids({ webhookId: 'msg_3' })).toEqual(['msg_3'])
      expect(await reader.counts(ref)).toEqual({ openCarts: 1, deliveries: { waiting: 4, sent: 0, parked: 1 }, disabledEndpoints: 0 })
      expect(await reader.counts(null)).toEqual(await reader.counts(ref))
      expect(await reader.counts(other)).toEqual({ openCarts: 0, deliveries: { waiting: 0, sent: 0, parked: 0 }, disabledEndpoints: 0 })
    })

    it('drops only what ended before the instant', async () => {
      const parked = { state: 'parked', reason: 'gone', nextAt: null } as const
      await add(
        delivery(1, { state: 'sent', nextAt: null, sentAt: t0 }), delivery(2, { state: 'sent', nextAt: null, sentAt: t0 + 9 }), delivery(3),
        delivery(4, parked), delivery(9, parked),
      )
      await finish({ delivery: delivery(1, { state: 'sent', nextAt: null, sentAt: t0 }), attempt: attempt(1), endpoint: null })
      await put(cart(1, { dueAt: null, closedThrough: t0 }), cart(2, { dueAt: null, closedThrough: t0 + 9 }), cart(3, { closedThrough: t0 }))
      await store.pruneAutomation(t0 + 5, 10)
      expect((await reader.deliveries({ ...ref, limit: 10 })).map(({ webhookId }) => webhookId)).toEqual(['msg_9', 'msg_3', 'msg_2'])
      expect(await reader.attempts(1, ['msg_1'], 10)).toEqual([])
      expect((await carts(1, 2, 3)).map(({ identifierKey }) => identifierKey)).toEqual([uuid(2), uuid(3)])
    })
  })
}
