import { describe, expect, it } from 'vitest'
import fc from 'fast-check'
import { propertySettings } from '../../collector/test/property-settings.ts'
import { answered, DeliveryRig, ok, unanswered } from '../test/delivery-rig.ts'

describe('batches', () => {
  it('go when full, or when the oldest event waited long enough', async () => {
    const rig = new DeliveryRig({ flushAt: 5 })
    rig.add(12)
    await rig.clock.pass(199)
    expect(rig.requests.map(({ ids }) => ids.length)).toEqual([5, 5])
    await rig.clock.pass(1)
    expect(rig.requests.map(({ ids, at }) => [ids.length, at])).toEqual([[5, 0], [5, 0], [2, 200]])
  })

  it('go as they are while somebody waits for a flush', async () => {
    const rig = new DeliveryRig()
    rig.delivery.hurry(true)
    rig.add(2)
    await rig.clock.pass(0)
    expect(rig.requests.map(({ ids }) => ids)).toEqual([['m1'], ['m2']])
  })

  it('go over as many connections as there are, and no more', async () => {
    const rig = new DeliveryRig({ flushAt: 1, connections: 3 })
    const open: (() => void)[] = []
    rig.answer = ({ ids }) => new Promise((resolve) => open.push(() => resolve(ok(ids))))
    rig.add(10)
    await rig.clock.pass(1_000)
    expect(rig.requests).toHaveLength(3)
    while (open.length > 0) {
      open.shift()?.()
      await rig.clock.pass(0)
    }
    expect(rig.requests).toHaveLength(10)
    expect(rig.delivered).toHaveLength(10)
  })
})

describe('an outage', () => {
  it.each([
    ['a 500', answered(500)], ['a 503', answered(503)], ['a 408', answered(408)], ['a 429', answered(429)], ['a redirect', answered(302)],
    ['no answer', unanswered(true)], ['a reset', unanswered(false)],
    ['a page of somebody else', answered(200, '<html>welcome</html>')], ['an empty 200', answered(200)], ['a 200 with a result too few', ok([])],
  ])('%s costs one request for each pause, and no event', async (_, failure) => {
    const rig = new DeliveryRig({ flushAt: 5, connections: 4 })
    rig.answer = () => failure
    rig.add(100)
    await rig.clock.pass(60_000)
    // Four were under way when it began; then one alone after 1, 2, 4, 8, 16 and 30 seconds.
    expect(rig.requests.map(({ at }) => at)).toEqual([0, 0, 0, 0, 1_000, 3_000, 7_000, 15_000, 31_000])
    expect(rig.settled).toEqual([])
    expect(rig.delivery.failedRequests).toBe(9)
    rig.answer = ({ ids }) => ok(ids)
    await rig.clock.pass(2_000)
    expect(rig.delivered).toEqual(Array.from({ length: 100 }, (__, index) => `m${index + 1}`))
  })

  it('spreads its probes over the whole of each pause', async () => {
    const rig = new DeliveryRig({ random: () => 0.25 })
    rig.answer = () => answered(503)
    rig.add(5)
    await rig.clock.pass(2_000)
    expect(rig.requests.map(({ at }) => at)).toEqual([0, 250, 750, 1_750])
  })

  it.each([['seconds', '7'], ['a date', new Date(Date.UTC(2026, 0, 1) + 7_000).toUTCString()]])('waits as Retry-After asks, in %s', async (_, header) => {
    const rig = new DeliveryRig({ random: () => 0 })
    rig.answer = (_request, number) => (number === 1 ? answered(429, '', header) : ok(rig.requests.at(-1)?.ids ?? []))
    rig.add(5)
    await rig.clock.pass(6_999)
    rig.add(50)
    expect(rig.requests).toHaveLength(1)
    await rig.clock.pass(1)
    expect(rig.requests.length).toBeGreaterThan(1)
  })

  it('does not wait longer than five minutes, whatever it is asked', async () => {
    const rig = new DeliveryRig({ random: () => 0 })
    rig.answer = ({ ids }, number) => (number === 1 ? answered(503, '', '86400') : ok(ids))
    rig.add(5)
    await rig.clock.pass(300_000)
    expect(rig.delivered).toHaveLength(5)
  })

  it('is not prolonged and expires nothing when the wall clock is set', async () => {
    const rig = new DeliveryRig()
    rig.answer = ({ ids }, number) => (number === 1 ? answered(503) : ok(ids))
    rig.add(5)
    await rig.clock.pass(0)
    rig.clock.jumpedMs = -86_400_000
    await rig.clock.pass(1_000)
    expect(rig.delivered).toHaveLength(5)
    rig.clock.jumpedMs = 86_400_000
    rig.add(5)
    await rig.clock.pass(200)
    expect(rig.delivered).toHaveLength(10)
  })

  it('gives a slow collector more time rather than the same events again and again', async () => {
    const rig = new DeliveryRig()
    rig.answer = ({ ids, timeoutMs }) => (timeoutMs < 35_000 ? unanswered(true) : ok(ids))
    rig.add(5)
    await rig.clock.pass(10_000)
    expect(rig.requests.map(({ timeoutMs }) => timeoutMs)).toEqual([10_000, 20_000, 40_000])
    rig.add(5)
    await rig.clock.pass(200)
    expect(rig.requests.at(-1)?.timeoutMs).toBe(10_000)
  })

  it('ends for an event when it is too old', async () => {
    const rig = new DeliveryRig({ ageMsMax: 5_000 })
    rig.answer = () => answered(503)
    rig.add(2)
    await rig.clock.pass(4_000)
    rig.add(1)
    rig.answer = ({ ids }) => ok(ids)
    await rig.clock.pass(4_000)
    expect(rig.outcomes.toSorted()).toEqual(['m1 dropped expired', 'm2 dropped expired', 'm3 delivered'])
  })
})

describe('answers about single events', () => {
  it('resend only those that were not stored, and hold up nobody else', async () => {
    const rig = new DeliveryRig({ flushAt: 4 })
    rig.answer = ({ ids }) => answered(200, JSON.stringify({
      success: true, results: ids.map((messageId) => ({ messageId, result: messageId === 'm2' && rig.requests.length < 4 ? 'retry' : 'ok' })),
    }))
    rig.add(8)
    await rig.clock.pass(0)
    expect(rig.requests.map(({ ids }) => ids)).toEqual([['m1', 'm2', 'm3', 'm4'], ['m5', 'm6', 'm7', 'm8']])
    expect(rig.queue.held).toBe(1)
    await rig.clock.pass(10_000)
    expect(rig.requests.slice(2).map(({ ids, at }) => [ids, at])).toEqual([[['m2'], 1_000], [['m2'], 2_000]])
    expect(rig.delivered).toHaveLength(8)
    expect(rig.queue.held).toBe(0)
  })

  it('tell quarantined and duplicate apart', async () => {
    const rig = new DeliveryRig({ flushAt: 3 })
    rig.answer = () => answered(200, JSON.stringify({ results: [{ result: 'ok' }, { result: 'duplicate' }, { result: 'quarantined', reason: 'too_deep' }] }))
    rig.add(3)
    await rig.clock.pass(0)
    expect(rig.outcomes).toEqual(['m1 delivered', 'm2 duplicate', 'm3 quarantined too_deep'])
  })

  it('are not needed: success alone is for all of them', async () => {
    const rig = new DeliveryRig({ flushAt: 3 })
    rig.answer = () => answered(200, '{"success":true}')
    rig.add(3)
    await rig.clock.pass(0)
    expect(rig.delivered).toHaveLength(3)
  })
})

describe('final statuses', () => {
  it.each([[400, 'rejected'], [401, 'unauthorized'], [403, 'unauthorized'], [404, 'rejected']])('%i is tried once', async (status, reason) => {
    const rig = new DeliveryRig({ flushAt: 2 })
    rig.answer = () => answered(status)
    rig.add(2)
    await rig.clock.pass(60_000)
    expect(rig.requests).toHaveLength(1)
    expect(rig.outcomes).toEqual([`m1 dropped ${reason}`, `m2 dropped ${reason}`])
  })

  it('413 halves the batch down to the event that is too large, and recovers', async () => {
    const rig = new DeliveryRig({ flushAt: 8 })
    rig.answer = ({ ids }) => (ids.includes('m6') ? answered(413) : ok(ids))
    rig.add(8)
    await rig.clock.pass(60_000)
    expect(rig.requests.map(({ ids }) => ids.length)).toEqual([8, 4, 4, 2, 1, 2, 1, 1, 1])
    expect(rig.outcomes.toSorted()).toEqual(['m1 delivered', 'm2 delivered', 'm3 delivered', 'm4 delivered', 'm5 delivered', 'm6 dropped too_large', 'm7 delivered', 'm8 delivered'])
    rig.add(8)
    await rig.clock.pass(1_000)
    expect(rig.requests.at(-1)?.ids.length).toBeGreaterThan(1)
  })
})

it('puts everything back when it is stopped', async () => {
  const rig = new DeliveryRig({ flushAt: 2, connections: 2 })
  rig.answer = ({ ids }, number) => (number === 1
    ? answered(200, JSON.stringify({ results: [{ result: 'retry' }, { result: 'ok' }] })) : new Promise((resolve) => { rig.clock.after(9_000, () => resolve(ok(ids))) }))
  rig.add(6)
  await rig.clock.pass(1)
  rig.delivery.stop()
  expect([rig.delivery.inFlightEvents, rig.queue.held]).toEqual([0, 5])
  await rig.clock.pass(60_000)
  expect(rig.settled).toHaveLength(1)
  expect(rig.queue.takeAll().map(({ messageId }) => messageId)).toEqual(['m1', 'm3', 'm4', 'm5', 'm6'])
})

it('whatever the collector answers, every event has one outcome, and those stored are the ones delivered', async () => {
  const results = fc.constantFrom('ok', 'retry', 'duplicate', 'quarantined')
  const answers = fc.oneof(
    { weight: 3, arbitrary: results.map((kind) => ({ status: 200, kind })) },
    fc.constantFrom(503, 429, 408, 413, 302, 0, 1).map((status) => ({ status, kind: 'ok' })),
  )
  await fc.assert(fc.asyncProperty(fc.array(answers, { maxLength: 40 }), fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 8 }), fc.integer({ min: 1, max: 4 }), async (script, bursts, connections) => {
    const rig = new DeliveryRig({ flushAt: 4, connections })
    rig.answer = ({ ids }, number) => {
      const step = script[number - 1] ?? { status: 200, kind: 'ok' }
      if (step.status < 2) return unanswered(step.status === 1)
      // A 413 for one event alone would be the end of that event.
      if (step.status !== 200) return step.status === 413 && ids.length === 1 ? ok(ids) : answered(step.status)
      return answered(200, JSON.stringify({ success: true, results: ids.map((messageId, index) => ({ messageId, result: index % 2 === 0 ? step.kind : 'ok', reason: 'too_deep' })) }))
    }
    let added = 0
    for (const burst of bursts) {
      rig.add(burst)
      added += burst
      await rig.clock.pass(150)
      expect(rig.settled.length + rig.queue.held + rig.delivery.inFlightEvents).toBe(added)
    }
    await rig.clock.pass(3_000_000)
    expect(rig.settled.map(({ event }) => event.number).toSorted((a, b) => a - b)).toEqual(Array.from({ length: added }, (_, index) => index + 1))
    expect([rig.queue.held, rig.queue.bytes, rig.delivery.inFlightEvents]).toEqual([0, 0, 0])
  }), propertySettings(60))
})
