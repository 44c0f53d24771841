import { partitionOf } from './ingest/partition-of.ts'
import type { Clock } from './platform/clock.ts'
import type { LogWriter } from './ports/log.ts'
import { type Control, encodeControlLine } from './ports/record.ts'

/** Puts operators' decisions into the log. Those about the same identifiers, or the settings of a workspace, go to one partition, so they are decided in the order they were made. */
export function controlLog(log: LogWriter, clock: Clock): (workspace: number, control: Control) => Promise<void> {
  return async (workspace, control) => {
    const line = encodeControlLine(control, { workspace, receivedAt: clock.now() })
    // It counts as no event: what is accepted and stored is what clients sent.
    await log.append(partitionOf(`${workspace}:${subjectOf(control)}`, log.partitions), Buffer.from(line), 0)
  }
}

function subjectOf(control: Control): string {
  if (control.control === 'settings') return 'settings'
  return control.control === 'erase' ? (control.keys[0] ?? '') : control.a
}
