import { describe, expect, it } from 'vitest'
import { InFlight, type Lease } from './in-flight.ts'
import { Refused } from './status.ts'

function reasonOf(work: () => unknown): string {
  try {
    work()
    return 'let in'
  } catch (error) {
    return error instanceof Refused ? error.reason : String(error)
  }
}

/** Requests of `bytes` each until the key is refused; answers how many were let in. */
function fill(inFlight: InFlight, key: string, bytes: number): { count: number; leases: Lease[]; reason: string } {
  const leases: Lease[] = []
  for (;;) {
    const reason = reasonOf(() => {
      const lease = inFlight.open(bytes, key)
      leases.push(lease)
      lease.hold(bytes)
    })
    if (reason !== 'let in') return { count: leases.length, leases, reason }
  }
}

describe('bytes in flight', () => {
  const bounds = { requestsMax: 1_000, bytesMax: 12_000, keyBytesMax: 12_000 }

  it('leave a part free for whoever comes new, however many keys flood the process', () => {
    const inFlight = new InFlight(bounds)
    expect(fill(inFlight, 'a', 100)).toMatchObject({ count: 60, reason: 'key_share' })
    expect(fill(inFlight, 'b', 100)).toMatchObject({ count: 30, reason: 'key_share' })
    expect(reasonOf(() => inFlight.open(100, 'a'))).toBe('key_share')
    expect(reasonOf(() => inFlight.open(100, 'quiet'))).toBe('let in')
  })

  it('are given back whatever becomes of a request', () => {
    const inFlight = new InFlight(bounds)
    for (const lease of fill(inFlight, 'a', 100).leases) lease.close()
    expect([inFlight.bytes, inFlight.requests]).toEqual([0, 0])
    expect(fill(inFlight, 'a', 100).count).toBe(60)
  })

  it('count what came, not what was announced', () => {
    const inFlight = new InFlight(bounds)
    const leases = Array.from({ length: 100 }, () => inFlight.open(5_000))
    expect(inFlight.bytes).toBe(0)
    leases[0]?.hold(5_000)
    expect(reasonOf(() => inFlight.open(7_001))).toBe('process_bytes')
    // The others of the same key share what is left.
    expect(reasonOf(() => leases[1]?.hold(5_000))).toBe('key_share')
    leases[0]?.close()
    expect(reasonOf(() => leases[1]?.hold(5_000))).toBe('let in')
    leases[1]?.hold(10)
    expect(inFlight.bytes).toBe(10)
  })

  it('are bounded for a key that is alone, too', () => {
    expect(fill(new InFlight({ ...bounds, keyBytesMax: 1_000 }), 'a', 100).count).toBe(10)
  })

  it('move to the key that a body names, if that has room', () => {
    const inFlight = new InFlight(bounds)
    fill(inFlight, 'a', 100)
    const nameless = inFlight.open(100)
    nameless.hold(100)
    expect(reasonOf(() => nameless.claim('a'))).toBe('key_share')
    nameless.close()
    const other = inFlight.open(100)
    other.hold(100)
    other.claim('b')
    other.claim('b')
    expect(inFlight.bytes).toBe(6_100)
    other.close()
    expect(inFlight.bytes).toBe(6_000)
  })

  it('are not the only bound: requests are shared the same way', () => {
    const inFlight = new InFlight({ ...bounds, requestsMax: 30 })
    expect(fill(inFlight, '', 0)).toMatchObject({ count: 15, reason: 'key_share' })
    expect(reasonOf(() => inFlight.open(0, 'quiet'))).toBe('let in')
    for (let key = 0; key < 14; key += 1) inFlight.open(0, `key ${key}`)
    expect(reasonOf(() => inFlight.open(0, 'one more'))).toBe('process_requests')
  })
})
