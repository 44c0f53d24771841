import { eventTypes, quarantineReasons, type CanonicalEvent, type FlagCode, flagCodes, type QuarantineReason } from '@millrace/schemas'
import { defaultDocument, parseDocument } from '../identity/settings-document.ts'
import type { LogRecord } from '../ports/log.ts'
import { type Control, erasureModes, type Trust } from '../ports/record.ts'
import { messageOf } from '../platform/errors.ts'

/** One event of a batch, as the log has it. */
export interface LoggedEvent {
  readonly position: string
  /** Index in its record. */
  readonly index: number
  readonly workspace: number
  readonly receivedAt: number
  readonly trust: Trust
  readonly flags: readonly FlagCode[]
  readonly messageId: string
  /** The event's JSON as the edge wrote it; for a quarantined event the JSON of what is kept of it. */
  readonly json: string
  /** What the JSON says, or why there is nothing to process. */
  readonly body: { readonly event: CanonicalEvent } | { readonly reason: QuarantineReason } | { readonly control: Control }
}

const noFlags: readonly FlagCode[] = []

/** Cuts a record into its events. A line that cannot be read is kept as quarantined `internal_error`: one bad line harms no neighbour. */
export function readRecord(record: LogRecord): readonly LoggedEvent[] {
  const text = Buffer.from(record.payload.buffer, record.payload.byteOffset, record.payload.byteLength).toString('utf8')
  const events: LoggedEvent[] = []
  for (let start = 0; start < text.length;) {
    const end = text.indexOf('\n', start)
    const line = text.slice(start, end < 0 ? text.length : end)
    start = end < 0 ? text.length : end + 1
    events.push(readLine(line, record, events.length))
  }
  return events
}

function readLine(line: string, record: LogRecord, index: number): LoggedEvent {
  const tab = line.indexOf('\t')
  const [workspace = '', receivedAt = '', trust = '', reason = '', flags = ''] = line.slice(0, Math.max(tab, 0)).split(',')
  const json = line.slice(tab + 1)
  const base = {
    position: record.position,
    index,
    workspace: Number(workspace),
    receivedAt: Number(receivedAt),
    trust: trust === 'p' ? 'public' : 'secret',
    flags: flags === '' ? noFlags : flagCodes.filter((code) => flags.split('+').includes(code)),
  } as const
  try {
    if (tab < 0 || !Number.isInteger(base.workspace) || !Number.isInteger(base.receivedAt)) throw new Error('no event header')
    const parsed: unknown = JSON.parse(json)
    if (trust === 'o') return { ...base, messageId: messageIdOf(parsed), json, body: { control: controlOf(parsed) } }
    if (reason !== '') return { ...base, messageId: messageIdOf(parsed), json, body: { reason: reasonOf(reason) } }
    if (!isCanonicalEvent(parsed)) throw new Error('not a canonical event')
    return { ...base, messageId: parsed.messageId, json, body: { event: parsed } }
  } catch (error) {
    return poisoned(base, line, messageOf(error))
  }
}

/** An event that no step can process, kept as it came. */
function poisoned(base: Omit<LoggedEvent, 'messageId' | 'json' | 'body'>, line: string, why: string): LoggedEvent {
  const messageId = `unreadable:${base.position}:${base.index}`
  const json = JSON.stringify({ messageId, encoding: 'utf8', raw: line, truncated: false, why })
  return { ...base, workspace: base.workspace || 0, receivedAt: base.receivedAt || 0, messageId, json, body: { reason: 'internal_error' } }
}

function messageIdOf(parsed: unknown): string {
  if (typeof parsed === 'object' && parsed !== null && 'messageId' in parsed && typeof parsed.messageId === 'string') return parsed.messageId
  throw new Error('a quarantined event without messageId')
}

export function controlOf(parsed: unknown): Control {
  const messageId = messageIdOf(parsed)
  const control: unknown = Reflect.get(Object(parsed), 'control')
  if (control === 'veto' || control === 'unveto') return { messageId, control, a: textIn(parsed, 'a'), b: textIn(parsed, 'b') }
  if (control === 'settings') return settingsControl(messageId, parsed)
  const keys: unknown = Reflect.get(Object(parsed), 'keys')
  const mode = erasureModes.find((known) => known === textIn(parsed, 'mode'))
  if (control !== 'erase' || !Array.isArray(keys) || mode === undefined) throw new Error('not a control')
  return { messageId, control, keys: keys.filter((key) => typeof key === 'string'), mode }
}

/** The document is parsed as the API parses it: what it would refuse is no control. */
function settingsControl(messageId: string, parsed: unknown): Control {
  const basedOn: unknown = Reflect.get(Object(parsed), 'basedOn')
  if (typeof basedOn !== 'number') throw new Error('settings that say not what they were made from')
  return { messageId, control: 'settings', basedOn, document: { ...parseDocument(Reflect.get(Object(parsed), 'document'), defaultDocument()) } }
}

function textIn(parsed: unknown, field: string): string {
  const value: unknown = Reflect.get(Object(parsed), field)
  if (typeof value !== 'string') throw new Error(`a control without ${field}`)
  return value
}

function reasonOf(text: string): QuarantineReason {
  return quarantineReasons.find((reason) => reason === text) ?? 'internal_error'
}

/** The edge wrote it, so this checks the seam, not the client. */
export function isCanonicalEvent(value: unknown): value is CanonicalEvent {
  return typeof value === 'object' && value !== null && 'messageId' in value && 'timestamp' in value && 'type' in value &&
    typeof value.messageId === 'string' && typeof value.timestamp === 'string' && eventTypes.some((known) => known === value.type)
}
