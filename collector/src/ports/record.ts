import type { FlagCode, QuarantineReason } from '@millrace/schemas'

/**
 * The form of a record's payload: the seam between ingest, which writes it, and the pump, which reads it.
 *
 * One line an event: `workspace,receivedAt,trust,reason,flags<TAB>json<LF>`. JSON text holds neither a raw
 * tab nor a raw newline, so lines are cut without parsing and the event's bytes reach the archive unchanged.
 *
 * - workspace: decimal number. receivedAt: epoch milliseconds. trust: `s` (secret key) or `p` (public key).
 * - reason: empty, or why the event is quarantined; then json is a {@link QuarantinedEvent}.
 * - flags: `+`-separated flag codes, possibly none.
 */
export interface RecordLine {
  readonly workspace: number
  readonly receivedAt: number
  readonly trust: Trust
  readonly reason: QuarantineReason | null
  readonly flags: readonly FlagCode[]
  /** The event's canonical JSON, or a quarantined event's. */
  readonly json: string
}

/** Evidence sent with a secret key ranks before what anyone can send with a public one. */
export type Trust = 'secret' | 'public'

/** What is kept of an event that can never succeed. */
export interface QuarantinedEvent {
  readonly messageId: string
  readonly encoding: 'utf8' | 'base64'
  /** At most 256 KiB; `truncated` says that there was more. */
  readonly raw: string
  readonly truncated: boolean
}

export function encodeRecordLine(line: RecordLine): string {
  const trust = line.trust === 'secret' ? 's' : 'p'
  return `${line.workspace},${line.receivedAt},${trust},${line.reason ?? ''},${line.flags.join('+')}\t${line.json}\n`
}
