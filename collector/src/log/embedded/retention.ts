import { closeSync, openSync, rmSync, statSync } from 'node:fs'
import { MillraceError } from '../../platform/errors.ts'
import type { Acknowledged } from './acknowledged.ts'
import { positionText } from './position.ts'
import { scanFrames } from './recover.ts'
import { listSegments, readSegmentStart, type Segment } from './segments.ts'
import { failPlace } from '../../platform/fail-point.ts'
import { syncDirectory } from '../../platform/sync-directory.ts'

export interface RetentionBounds {
  /** A segment is kept this long after its last write even if all of it is archived, milliseconds. */
  readonly retentionMs: number
  readonly now: number
}

/**
 * Removes closed segments of which every record is archived, oldest first, and stops at the first that has to stay,
 * so that the log never has a hole. Answers how many it removed.
 */
export function dropArchived(directory: string, acknowledged: Acknowledged, { retentionMs, now }: RetentionBounds): number {
  const segments = listSegments(directory)
  let dropped = 0
  for (const [index, segment] of segments.entries()) {
    const next = segments[index + 1]
    if (next === undefined || statSync(segment.path).mtimeMs + retentionMs > now) break
    if (!isArchived(segment, lastOffsetsOf(segment, next), acknowledged)) break
    rmSync(segment.path)
    failPlace('log.retention')
    dropped += 1
  }
  if (dropped > 0) syncDirectory(directory)
  return dropped
}

function isArchived({ incarnation }: Segment, lastOffsets: readonly number[], acknowledged: Acknowledged): boolean {
  return lastOffsets.every((offset, partition) => {
    if (offset < 0) return true
    const position = acknowledged.get(partition)
    return position !== undefined && position >= positionText({ incarnation, offset })
  })
}

/** The next segment says what was before it; the last one of an incarnation is read. */
function lastOffsetsOf(segment: Segment, next: Segment): readonly number[] {
  const start = readSegmentStart(next.incarnation === segment.incarnation ? next : segment)
  if (start === null) throw new MillraceError('corrupt', `the header of ${segment.path} is damaged`)
  if (next.incarnation === segment.incarnation) return start.lastOffsets
  const file = openSync(segment.path, 'r')
  try {
    return scanFrames(file, segment, start).lastOffsets
  } finally {
    closeSync(file)
  }
}
