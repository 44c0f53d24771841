import type { FlagCode, QuarantineReason } from '@millrace/schemas'

/**
 * The form of a record's payload: the seam between ingest, which writes it, and the pump, which reads it.
 *
 * One line an event: `workspace,receivedAt,trust,reason,flags<TAB>json<LF>`. JSON text holds neither a raw
 * tab nor a raw newline, so lines are cut without parsing and the event's bytes reach the archive unchanged.
 *
 * - workspace: decimal number. receivedAt: epoch milliseconds. trust: `s` (secret key), `p` (public key), or `o`: an
 *   operator's decision, which no client can send; then json is a {@link Control} and counts as no event.
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

/**
 * What an operator decided about identity. It stands in the log and in the archive like an event, so that both can be
 * read again to the same people. Identifiers are named by their keys, of a veto the lesser first: no value of a person
 * goes in.
 */
export type Control = VetoControl | EraseControl | SettingsControl

export interface VetoControl {
  readonly messageId: string
  /** `veto`: the two may never share a profile, by whatever path; `unveto`: they may again. */
  readonly control: 'veto' | 'unveto'
  readonly a: string
  readonly b: string
}

/** What becomes of later events with an erased identifier: they are refused, or they are the beginning of somebody new. */
export const erasureModes = Object.freeze(['refuse', 'anew'] as const)
export type ErasureMode = (typeof erasureModes)[number]

/** A person is to be forgotten in every tier. */
export interface EraseControl {
  readonly messageId: string
  readonly control: 'erase'
  readonly keys: readonly string[]
  readonly mode: ErasureMode
}

/** A workspace's settings from now on. All of one workspace go through one partition, so they are decided in the order they were made. */
export interface SettingsControl {
  readonly messageId: string
  readonly control: 'settings'
  /** The version that it was made from; decided only while that is still the newest. 0: there was none. */
  readonly basedOn: number
  /** As identity/settings-document.ts reads it, every field filled in. */
  readonly document: Readonly<Record<string, unknown>>
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

/** `receivedAt`: epoch milliseconds. */
export function encodeControlLine(control: Control, { workspace, receivedAt }: { readonly workspace: number; readonly receivedAt: number }): string {
  return `${workspace},${receivedAt},o,,\t${JSON.stringify(control)}\n`
}
