import { measureRun, type MeasuredRun } from './measured-run.ts'
import { type Goal, median, printTable, type ScenarioOptions, whole } from './scenario.ts'

const events = 200_000
/** Some would take hours. */
const secondsMax = 30

/** Calls as fast as they return, to a sink without latency. */
export async function measureTight({ peers, variants, runs }: ScenarioOptions): Promise<readonly Goal[]> {
  const rates = new Map<string, number>()
  const own: MeasuredRun[] = []
  const rows = [['SDK', 'calls/s', 'delivered/s', 'lost', 'doubled', 'peak MB', 'CPU µs/event', 'refused', 'sockets', 'ended']]
  for (const variant of variants) {
    const repeated: MeasuredRun[] = []
    for (let run = 0; run < runs; run += 1) {
      const measured = await measureRun({ variant, peers, events, rate: 0, pauseMs: 0, latencyMs: 0, secondsMax })
      repeated.push(measured)
      if (measured.report === null) break
    }
    if (variant === 'millrace') own.push(...repeated)
    const rate = median(repeated.map(({ sink, seconds }) => sink.unique / seconds))
    rates.set(variant, rate)
    for (const { report, sink, lost, doubled } of repeated) {
      rows.push([
        variant, report === null ? '–' : whole(events / report.loopSeconds), whole(rate), whole(lost), whole(doubled),
        report === null ? '–' : whole(report.peakMegabytes), report === null ? '–' : report.cpuMicrosecondsPerEvent.toFixed(1),
        whole(report?.refused ?? 0), whole(sink.sockets), report === null ? `killed after ${secondsMax} s` : `${report.seconds.toFixed(1)} s`,
      ])
    }
  }
  printTable(`Tight loop of ${whole(events)} events`, rows)
  return [
    ...compare(rates),
    { what: 'tight: 0 lost, 0 doubled', met: own.every(({ lost, doubled }) => lost === 0 && doubled === 0) },
    { what: 'tight: peak RSS under 300 MB', met: own.every(({ report }) => report !== null && report.peakMegabytes < 300) },
  ]
}

/** Nothing where only one SDK was measured. */
function compare(rates: ReadonlyMap<string, number>): readonly Goal[] {
  const own = rates.get('millrace')
  const others = [...rates].filter(([name]) => name !== 'millrace').map(([, rate]) => rate)
  if (own === undefined || others.length === 0) return []
  const ratio = own / Math.max(...others)
  console.log(`delivered rate against the best of the others: ${ratio.toFixed(1)} times`)
  return [{ what: `tight: at least 5 times the delivered rate of the best (${ratio.toFixed(1)})`, met: ratio >= 5 }]
}
