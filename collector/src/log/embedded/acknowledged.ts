import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parsePosition } from './position.ts'
import type { LogPosition } from '../../ports/log.ts'

/** How far each partition is archived; absent where nothing is. */
export type Acknowledged = ReadonlyMap<number, LogPosition>

/**
 * Written by the reader, read by the writer, which removes segments by it. It may be behind, after a power loss even
 * gone: then segments are kept longer, never dropped too soon.
 */
export function readAcknowledged(directory: string): Acknowledged {
  const known = new Map<number, LogPosition>()
  try {
    for (const line of readFileSync(join(directory, 'acknowledged'), 'utf8').split('\n')) {
      const [partition, position] = line.split(' ')
      if (partition === undefined || position === undefined) continue
      parsePosition(position)
      known.set(Number(partition), position)
    }
    return known
  } catch {
    return new Map()
  }
}

export function writeAcknowledged(directory: string, acknowledged: Acknowledged): void {
  const path = join(directory, 'acknowledged')
  writeFileSync(`${path}.new`, [...acknowledged].map(([partition, position]) => `${partition} ${position}\n`).join(''), { mode: 0o600 })
  renameSync(`${path}.new`, path)
}
