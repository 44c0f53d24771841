import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { CollectorProcess } from '../../collector/test/collector-process.ts'

/** Seconds of processor time since each process began, by name. */
export function cpuSecondsOf(collector: CollectorProcess): ReadonlyMap<string, number> {
  return new Map(collector.processes().map(({ pid, name }) => [name, cpuSecondsOfProcess(pid)]))
}

/** 0 for a process that is gone. */
export function cpuSecondsOfProcess(pid: number): number {
  const stat = readOrEmpty(`/proc/${pid}/stat`)
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / 100
}

/** Resident bytes of all its processes together. */
export function residentBytesOf(collector: CollectorProcess): number {
  return collector.processes().reduce((sum, { pid }) => sum + Number(/^VmRSS:\s+(\d+)/m.exec(readOrEmpty(`/proc/${pid}/status`))?.[1] ?? 0) * 1_024, 0)
}

/** What a directory takes of the disk, sparse and half-filled blocks as they are. */
export function diskBytesOf(directory: string): number {
  let bytes = 0
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const found = statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })
    bytes += (found?.blocks ?? 0) * 512
  }
  return bytes
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
