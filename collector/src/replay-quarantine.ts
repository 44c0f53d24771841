import type { QuarantineReason } from '@millrace/schemas'
import type { SettingsOf } from './identity/identity-settings.ts'
import { acceptEvents, type AcceptedEvent } from './ingest/accept-events.ts'
import { partitionOf } from './ingest/partition-of.ts'
import { envelopeOf } from './ingest/read-envelope.ts'
import { messageOf } from './platform/errors.ts'
import type { Clock } from './platform/clock.ts'
import { joinedBytes } from './platform/one-byte-text.ts'
import type { LogWriter } from './ports/log.ts'
import type { QuarantineRow, StatusReader } from './ports/oltp.ts'

/** Before the message id of an event that is sent again: its own id stays what it was, an event that was dropped. */
const prefix = 'replay:'
const pageRows = 500

export interface ReplayRequest {
  readonly workspace: number
  readonly reason: QuarantineReason | null
}

export interface ReplayReport {
  /** Sent again; those that were sent again before are dropped as duplicates. */
  readonly replayed: number
  /** Refused for the same or another reason, by reason; also those that were not kept whole, or whose mended event is stored under their id. */
  readonly refused: Readonly<Record<string, number>>
}

export interface ReplayDependencies {
  readonly reader: Pick<StatusReader, 'quarantine' | 'claimOf'>
  readonly log: LogWriter
  readonly clock: Clock
  readonly identityOf: SettingsOf
}

/**
 * Sends quarantined events again, as a later version or other settings may take them: judged anew, as if they came with a
 * public key, under a message id made from their own, so that doing it twice stores them once. What is still refused
 * stays where it is. Fails with the log's errors; what was sent by then is durable.
 */
export async function replayQuarantine({ workspace, reason }: ReplayRequest, { reader, log, clock, identityOf }: ReplayDependencies): Promise<ReplayReport> {
  let replayed = 0
  const refused = new Map<string, number>()
  for (let after: string | null = null, more = true; more;) {
    const rows: readonly QuarantineRow[] = await reader.quarantine({ workspace, reason, after, limit: pageRows })
    const open = await notStored(rows, workspace, reader)
    const judged = judgeAgain(open, { workspace, clock, identityOf })
    const records = Map.groupBy(judged.filter(({ result }) => result === 'ok'), ({ partitionKey }) => partitionOf(partitionKey, log.partitions))
    await Promise.all([...records].map(([partition, events]) => log.append(partition, joinedBytes(events.map(({ line }) => line)), events.length)))
    replayed += judged.filter(({ result }) => result === 'ok').length
    for (const { result, reason: why } of judged) if (result === 'quarantined') refused.set(String(why), (refused.get(String(why)) ?? 0) + 1)
    for (const [why, count] of [['not_kept_whole', open.length - judged.length], ['stored_since', rows.length - open.length]] as const) {
      if (count > 0) refused.set(why, (refused.get(why) ?? 0) + count)
    }
    after = rows.at(-1)?.messageId ?? null
    more = rows.length === pageRows
  }
  return { replayed, refused: Object.fromEntries(refused) }
}

/** Without those whose senders mended them, and sent them again under the same message id. */
async function notStored(
  rows: readonly QuarantineRow[], workspace: number, reader: ReplayDependencies['reader'],
): Promise<readonly QuarantineRow[]> {
  const claims = await Promise.all(rows.map(({ messageId }) => reader.claimOf(workspace, messageId)))
  return rows.filter((_, index) => (claims[index]?.identifierKey ?? null) === null)
}

function judgeAgain(
  rows: readonly QuarantineRow[], { workspace, clock, identityOf }: Pick<ReplayDependencies, 'clock' | 'identityOf'> & { readonly workspace: number },
): readonly AcceptedEvent[] {
  const items = rows.flatMap((row) => {
    const item = itemOf(row)
    return item === null ? [] : [item]
  })
  return acceptEvents(envelopeOf(items), {
    workspace, trust: 'public', receivedAt: clock.now(), identity: identityOf(workspace), route: 'batch',
    newMessageId: () => {
      throw new Error('every quarantined event has a message id')
    },
  })
}

/** The event as its sender sent it, at the time it came; null where it was not kept whole, or is somebody's who is forgotten. */
function itemOf({ messageId, reason, receivedAt, event }: QuarantineRow): object | null {
  if (reason === 'suppressed') return null
  try {
    const kept: unknown = JSON.parse(event)
    const raw: unknown = Reflect.get(Object(kept), 'raw')
    if (Reflect.get(Object(kept), 'truncated') === true) return null
    const text = typeof raw === 'string' ? Buffer.from(raw, Reflect.get(Object(kept), 'encoding') === 'base64' ? 'base64' : 'utf8').toString('utf8') : event
    const item: unknown = JSON.parse(text)
    if (typeof item !== 'object' || item === null) return null
    return { timestamp: new Date(receivedAt).toISOString(), ...item, messageId: `${prefix}${messageId}` }
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw new Error(`quarantined event ${JSON.stringify(messageId)} cannot be read: ${messageOf(error)}`)
  }
}
