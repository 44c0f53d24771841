import { deliverThroughKills } from '../../sdk-node/test/deliver-through-kills.ts'
import { type Goal, printTable, type ScenarioOptions, whole } from './scenario.ts'

const events = 100_000

/** The real collector, killed ten times while the events are under way. */
export async function measureKills(_: ScenarioOptions): Promise<readonly Goal[]> {
  const { stats, kills, totals, agree, clickHouse } = await deliverThroughKills({ events, kills: 10 })
  const rows = [clickHouse, `${events}\t${events}`]
  printTable(`${whole(events)} events through ${kills} kills of the collector`, [
    ['delivered', 'profiles and timelines', 'archive', 'ClickHouse rows', 'different ids', 'sent again', 'failed requests'],
    [
      whole(stats.delivered), whole(totals.stored), whole(totals.archived), ...clickHouse.split('\t').map((text) => whole(Number(text))),
      whole(totals.dropped['duplicate'] ?? 0), whole(stats.failedRequests),
    ],
  ])
  const met = kills === 10 && agree && totals.stored === events && totals.archived === events && rows[0] === rows[1] && stats.delivered === events
  return [{ what: 'kills: every event in all tiers, once', met }]
}
