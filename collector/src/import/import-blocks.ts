import type { IdentitySettings } from '../identity/identity-settings.ts'
import { acceptEvents } from '../ingest/accept-events.ts'
import { partitionOf } from '../ingest/partition-of.ts'
import { envelopeOf } from '../ingest/read-envelope.ts'
import { textOfOneByte } from '../platform/one-byte-text.ts'
import type { Draft } from './draft.ts'
import type { ImportRecord } from './import-lane.ts'
import { type Reject, reject } from './reject.ts'

/** What goes to the collector in one call. */
export interface ImportBlock {
  readonly records: readonly ImportRecord[]
  readonly events: number
  /** The same event twice in one block. */
  readonly repeats: number
  readonly rejects: readonly Reject[]
}

export interface BlockContext {
  readonly workspace: number
  readonly partitions: number
  readonly identity: IdentitySettings
  readonly now: () => number
}

/** Drafts as the edge would have accepted them, in records by partition; what it would have quarantined is rejected here. */
export function blockOf(drafts: readonly Draft[], { workspace, partitions, identity, now }: BlockContext): ImportBlock {
  const items = drafts.map(({ item }) => item)
  const accepted = acceptEvents(envelopeOf(items), {
    workspace, trust: 'secret', receivedAt: now(), identity, route: 'batch', imported: true,
    newMessageId: () => {
      throw new Error('every draft has a message id')
    },
  })
  const byPartition = new Map<number, { readonly messageIds: string[]; readonly lines: string[] }>()
  const rejects: Reject[] = []
  let repeats = 0
  accepted.forEach(({ result, reason, partitionKey, line, messageId }, index) => {
    if (result === 'quarantined') {
      rejects.push(reject(drafts[index]?.line ?? 0, ruleOf(reason)))
      return
    }
    if (result === 'duplicate') {
      repeats += 1
      return
    }
    const partition = partitionOf(partitionKey, partitions)
    const record = byPartition.get(partition) ?? { messageIds: [], lines: [] }
    record.messageIds.push(messageId)
    record.lines.push(line)
    byPartition.set(partition, record)
  })
  const records = [...byPartition].map(([partition, { messageIds, lines }]) => ({ partition, messageIds, text: textOfOneByte(lines.join('')) }))
  return { records, rejects, repeats, events: accepted.length - rejects.length - repeats }
}

/** The later steps' reasons cannot come from here. */
function ruleOf(reason: string | undefined): Reject['rule'] {
  const rules = ['unknown_type', 'missing_event_name', 'missing_identifier', 'event_too_large', 'too_deep', 'too_many_keys', 'timestamp_out_of_range'] as const
  return rules.find((rule) => rule === reason) ?? 'internal_error'
}
