import { measureRun } from './measured-run.ts'
import { type Goal, printTable, type ScenarioOptions, whole } from './scenario.ts'

const rate = 200
const seconds = 25
const modes = [
  { atMs: 3_000, mode: 'unavailable' }, { atMs: 8_000, mode: 'too many' }, { atMs: 13_000, mode: 'reset' }, { atMs: 18_000, mode: 'ok' },
] as const

/** Fifteen seconds in which the sink answers 503, then 429 with Retry-After 5, then resets connections; all SDKs at once. */
export async function measureOutage({ peers, variants }: ScenarioOptions): Promise<readonly Goal[]> {
  const rows = [['SDK', 'lost', 'doubled', 'failed requests', 'requests', 'ended']]
  const goals: Goal[] = []
  const runs = await Promise.all(variants.map(async (variant) => ({
    variant, ...await measureRun({ variant, peers, events: rate * seconds, rate, pauseMs: 0, latencyMs: 5, secondsMax: 90, modes }),
  })))
  for (const { variant, sink, lost, doubled, report, exitCode } of runs) {
    rows.push([
      variant, whole(lost), whole(doubled), whole(sink.failed), whole(sink.requests),
      report === null ? (exitCode === null ? 'killed after 90 s' : `the process ended with code ${exitCode}`) : `${report.seconds.toFixed(1)} s`,
    ])
    if (variant !== 'millrace') continue
    goals.push({ what: 'outage: 0 lost', met: lost === 0 && exitCode === 0 })
    goals.push({ what: `outage: under 40 requests fail (${sink.failed})`, met: sink.failed < 40 })
  }
  printTable(`An outage of 15 s at ${rate} events a second`, rows)
  return goals
}
