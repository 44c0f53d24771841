import { expect, it } from 'vitest'
import { deliverThroughKills } from './deliver-through-kills.ts'

it('loses and doubles nothing in any tier while the collector is killed three times', async () => {
  const events = 10_000
  const { stats, left, kills, totals, agree, clickHouse, refused } = await deliverThroughKills({ events, kills: 3 })
  expect({ kills, left, refused, agree, clickHouse }).toEqual({ kills: 3, left: 0, refused: 0, agree: true, clickHouse: `${events}\t${events}` })
  expect(totals).toMatchObject({ stored: events, archived: events, loaded: events, dropped: { quarantined: 0 } })
  expect(stats).toMatchObject({ accepted: events, delivered: events, queuedEvents: 0, inFlight: 0 })
  expect(stats.failedRequests).toBeGreaterThan(0)
}, 120_000)
