import { type QuarantineReason, quarantineReasons } from '@millrace/schemas'
import { MillraceError } from '../platform/errors.ts'
import type { StatusReader } from '../ports/oltp.ts'
import { isoTime } from './profile-card.ts'

export interface QuarantineRequest {
  readonly workspace: number
  readonly reason: QuarantineReason | null
  /** The last message id of the page before. */
  readonly after: string | null
  /** 1 to 1,000. */
  readonly limit: number
}

export interface QuarantinePage {
  readonly events: readonly {
    readonly messageId: string
    readonly reason: QuarantineReason
    readonly receivedAt: string
    /** What is kept of it: the event, or its bytes as text or base64. */
    readonly event: unknown
  }[]
  /** For `after`; null at the end. */
  readonly next: string | null
}

/** Events that were kept aside, in an order that stays the same. */
export async function quarantinePage(request: QuarantineRequest, reader: Pick<StatusReader, 'quarantine'>): Promise<QuarantinePage> {
  const rows = await reader.quarantine(request)
  return {
    events: rows.map((row) => ({ messageId: row.messageId, reason: row.reason, receivedAt: isoTime(row.receivedAt), event: JSON.parse(row.event) })),
    next: rows.length < request.limit ? null : (rows.at(-1)?.messageId ?? null),
  }
}

export function parseReason(text: string | undefined): QuarantineReason | null {
  if (text === undefined) return null
  const reason = quarantineReasons.find((known) => known === text)
  if (reason === undefined) throw new MillraceError('bad_request', `reason: ${JSON.stringify(text)} is none of ${quarantineReasons.join(', ')}`)
  return reason
}
