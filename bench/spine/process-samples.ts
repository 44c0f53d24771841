import { readFileSync } from 'node:fs'
import type { CollectorProcess } from '../../collector/test/collector-process.ts'

export interface ProcessSample {
  readonly atMs: number
  /** Resident bytes by process name. */
  readonly bytes: ReadonlyMap<string, number>
  /** Seconds of processor time since the start of each process, by name. */
  readonly cpuSeconds: ReadonlyMap<string, number>
}

/** Samples memory and processor time of a collector's processes once a second. */
export class ProcessSamples {
  readonly samples: ProcessSample[] = []
  readonly #timer: NodeJS.Timeout

  constructor(collector: CollectorProcess) {
    const begin = performance.now()
    this.#timer = setInterval(() => {
      const bytes = new Map<string, number>()
      const cpuSeconds = new Map<string, number>()
      for (const { pid, name } of collector.processes()) {
        bytes.set(name, (bytes.get(name) ?? 0) + residentBytes(pid))
        cpuSeconds.set(name, (cpuSeconds.get(name) ?? 0) + processorSeconds(pid))
      }
      this.samples.push({ atMs: performance.now() - begin, bytes, cpuSeconds })
    }, 1_000)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** The greatest sum over all processes. */
  peakBytes(): number {
    return Math.max(0, ...this.samples.map(total))
  }

  /** Mean of the sums over a share of the run, such as 0.2 to 0.4. */
  meanBytes(from: number, to: number): number {
    const part = this.samples.slice(Math.floor(this.samples.length * from), Math.ceil(this.samples.length * to))
    return part.reduce((sum, sample) => sum + total(sample), 0) / Math.max(1, part.length)
  }

  /** At the last sample; of the newest process of the name where one was killed. */
  cpuSecondsOf(name: string): number {
    return this.samples.at(-1)?.cpuSeconds.get(name) ?? 0
  }

  peakOf(name: string): number {
    return Math.max(0, ...this.samples.map(({ bytes }) => bytes.get(name) ?? 0))
  }
}

function total({ bytes }: ProcessSample): number {
  return [...bytes.values()].reduce((sum, value) => sum + value, 0)
}

function residentBytes(pid: number): number {
  try {
    return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024
  } catch {
    return 0
  }
}

/** User and system time, in the kernel's ticks of a hundredth of a second. */
function processorSeconds(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) / 100
  } catch {
    return 0
  }
}
