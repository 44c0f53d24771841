import type { ByteWriter } from '../platform/byte-writer.ts'
import type { Decision } from './decisions.ts'
import type { LoggedEvent } from './read-record.ts'

/**
 * One line of the archive. `pos` and `i` say where in the log the event was; a stored event carries whose it is,
 * a quarantined one why it was dropped. Duplicates are not archived: the first copy is.
 * The event's own bytes go in as the edge wrote them, so a replay sees what the pump saw.
 */
export function writeArchiveLine(lines: ByteWriter, event: LoggedEvent, decision: Decision): void {
  if (decision === 'duplicate') return
  const flags = event.flags.length > 0 ? `,"flags":${JSON.stringify(event.flags)}` : ''
  const fate = decision === 'control' ? '"control":true' : 'dropped' in decision
    ? `"dropped":"${decision.dropped}"`
    : `"profileId":"${decision.profileId}","identifierKey":"${decision.identifierKey}"`
  lines.text(`{"pos":"${event.position}","i":${event.index},${fate},"receivedAt":${event.receivedAt},` +
    `"workspace":${event.workspace},"trust":"${event.trust}"${flags},"event":`)
  // Of somebody who is forgotten nothing is archived but that there was an event.
  if (typeof decision !== 'string' && 'dropped' in decision && decision.dropped === 'suppressed') lines.text(suppressedJson(event.messageId))
  else lines.bytes(event.json)
  lines.text('}\n')
}

export function suppressedJson(messageId: string): string {
  return JSON.stringify({ messageId })
}
