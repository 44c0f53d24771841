import { readFileSync } from 'node:fs'
import type { CollectorProcess } from '../../collector/test/collector-process.ts'

export interface MemorySample {
  readonly atMs: number
  /** Resident bytes by process name. */
  readonly bytes: ReadonlyMap<string, number>
}

/** Samples the resident memory of a collector's processes once a second. */
export class MemorySamples {
  readonly samples: MemorySample[] = []
  readonly #timer: NodeJS.Timeout

  constructor(collector: CollectorProcess) {
    const begin = performance.now()
    this.#timer = setInterval(() => {
      const bytes = new Map<string, number>()
      for (const { pid, name } of collector.processes()) bytes.set(name, (bytes.get(name) ?? 0) + residentBytes(pid))
      this.samples.push({ atMs: performance.now() - begin, bytes })
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

  peakOf(name: string): number {
    return Math.max(0, ...this.samples.map(({ bytes }) => bytes.get(name) ?? 0))
  }
}

function total({ bytes }: MemorySample): number {
  return [...bytes.values()].reduce((sum, value) => sum + value, 0)
}

function residentBytes(pid: number): number {
  try {
    return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024
  } catch {
    return 0
  }
}
