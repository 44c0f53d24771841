import { measureRun } from './measured-run.ts'
import { type Goal, printTable, type ScenarioOptions, whole } from './scenario.ts'

const latencyMs = 200
const queued = [5, 15, 20]

/** How long the documented close takes with a few events queued, some of which may be under way. */
export async function measureClose({ peers, variants }: ScenarioOptions): Promise<readonly Goal[]> {
  const rows = [['SDK', ...queued.flatMap((events) => [`${events}: ms`, 'lost'])]]
  const goals: Goal[] = []
  for (const variant of variants) {
    const cells: string[] = []
    for (const events of queued) {
      const { report, lost } = await measureRun({ variant, peers, events, rate: 0, pauseMs: 20, latencyMs, secondsMax: 30 })
      cells.push(report === null ? '–' : whole(report.closeMs), whole(lost))
      if (variant !== 'millrace') continue
      goals.push({
        what: `close: ${events} events within the latency and 100 ms (${report?.closeMs.toFixed(0)} ms)`,
        met: report !== null && report.closeMs <= latencyMs + 100 && lost === 0,
      })
    }
    rows.push([variant, ...cells])
  }
  printTable(`close() with events queued, sink of ${latencyMs} ms`, rows)
  return goals
}
