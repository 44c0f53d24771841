import { measureRun } from './measured-run.ts'
import { type Goal, printTable, type ScenarioOptions, whole } from './scenario.ts'

const rate = 20_000
const seconds = 10

/** So many events a second to a sink that takes 50 ms to answer. */
export async function measurePaced({ peers, variants }: ScenarioOptions): Promise<readonly Goal[]> {
  const rows = [['SDK', 'lost', 'doubled', 'lag p99 ms', 'lag max ms', 'CPU µs/event', 'peak MB', 'close ms', 'sockets', 'ended']]
  const goals: Goal[] = []
  for (const variant of variants) {
    const { report, sink, lost, doubled } = await measureRun({
      variant, peers, events: rate * seconds, rate, pauseMs: 0, latencyMs: 50, secondsMax: 25,
    })
    rows.push([
      variant, whole(lost), whole(doubled), ...(report === null ? ['–', '–', '–', '–', '–'] : [
        report.lagP99Ms.toFixed(1), whole(report.lagMaxMs), report.cpuMicrosecondsPerEvent.toFixed(1), whole(report.peakMegabytes), whole(report.closeMs),
      ]), whole(sink.sockets), report === null ? 'killed after 25 s' : `${report.seconds.toFixed(1)} s`,
    ])
    if (variant !== 'millrace') continue
    goals.push({ what: 'paced: 0 lost', met: lost === 0 })
    goals.push({ what: `paced: event-loop lag p99 under 20 ms (${report?.lagP99Ms.toFixed(1)})`, met: report !== null && report.lagP99Ms < 20 })
  }
  printTable(`${whole(rate)} events a second for ${seconds} s, sink of 50 ms`, rows)
  return goals
}
