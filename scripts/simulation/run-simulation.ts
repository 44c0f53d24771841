import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { runHistory } from './history.ts'

/** What a row of histories, one seed after the other, came to. */
export interface SimulationReport {
  readonly from: number
  /** Exclusive. */
  to: number
  batches: number
  events: number
  readonly counts: Map<string, number>
  readonly violations: { readonly seed: number; readonly what: string }[]
  /** Time of the processor, milliseconds. */
  cpuMs: number
}

export interface SimulationOptions {
  /** The first seed. */
  readonly seed: number
  /** Ends with the history that reaches one of these. */
  readonly histories: number
  readonly batches: number
  /** Stops sooner, to go on another time. */
  readonly minutes: number
  /** A file of one line a part; what it has of this row of seeds is not run again. */
  readonly results: string | null
  readonly progress?: (report: SimulationReport) => void
}

/** Histories that are written down at a time. */
const partHistories = 250

/** Runs histories by the seeds from the first on. */
export async function runSimulation(options: SimulationOptions): Promise<SimulationReport> {
  const total = emptyReport(options.seed)
  for (const part of options.results === null ? [] : partsIn(options.results)) if (part.from === total.to) add(total, part)
  const until = performance.now() + options.minutes * 60_000
  const isOver = (): boolean => total.batches >= options.batches || total.to - total.from >= options.histories || performance.now() >= until
  while (!isOver()) {
    const part = emptyReport(total.to)
    const cpu = process.cpuUsage()
    while (part.to - part.from < partHistories && total.batches + part.batches < options.batches && part.to - total.from < options.histories) await runNext(part)
    const { user, system } = process.cpuUsage(cpu)
    part.cpuMs = Math.round((user + system) / 1_000)
    if (options.results !== null) appendFileSync(options.results, `${JSON.stringify({ ...part, counts: Object.fromEntries(part.counts) })}\n`)
    add(total, part)
    options.progress?.(total)
  }
  return total
}

async function runNext(part: SimulationReport): Promise<void> {
  const { violation, batches, events, counts } = await runHistory({ seed: part.to })
  if (violation !== null) part.violations.push({ seed: part.to, what: violation })
  part.to += 1
  part.batches += batches
  part.events += events
  for (const [name, count] of counts) part.counts.set(name, (part.counts.get(name) ?? 0) + count)
}

function add(total: SimulationReport, part: SimulationReport): void {
  total.to = part.to
  total.batches += part.batches
  total.events += part.events
  total.cpuMs += part.cpuMs
  total.violations.push(...part.violations)
  for (const [name, count] of part.counts) total.counts.set(name, (total.counts.get(name) ?? 0) + count)
}

function emptyReport(from: number): SimulationReport {
  return { from, to: from, batches: 0, events: 0, counts: new Map(), violations: [], cpuMs: 0 }
}

function partsIn(path: string): readonly SimulationReport[] {
  if (!existsSync(path)) return []
  return readFileSync(path, 'utf8').split('\n').filter((line) => line !== '').map((line) => {
    const part: Omit<SimulationReport, 'counts'> & { readonly counts: Readonly<Record<string, number>> } = JSON.parse(line)
    return { ...part, counts: new Map(Object.entries(part.counts)) }
  })
}
