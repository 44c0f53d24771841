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
  /** The bytes of the event's JSON as the edge wrote it, a part of the record; for a quarantined event the JSON of what is kept of it. */
  readonly json: Uint8Array
  /** What the JSON says, or why there is nothing to process. */
  readonly body: { readonly event: CanonicalEvent } | { readonly reason: QuarantineReason } | { readonly control: Control }
}

const noFlags: readonly FlagCode[] = []

/** Cuts a record into its events. A line that cannot be read is kept as quarantined `internal_error`: one bad line harms no neighbour. */
export function readRecord(record: LogRecord): readonly LoggedEvent[] {
  const payload = Buffer.from(record.payload.buffer, record.payload.byteOffset, record.payload.byteLength)
  const events: LoggedEvent[] = []
  let header = readHeader('')
  for (let start = 0; start < payload.length;) {
    const found = payload.indexOf(lineFeed, start)
    const end = found < 0 ? payload.length : found
    const tab = payload.indexOf(tabulator, start)
    const text = payload.toString('latin1', start, tab < 0 || tab > end ? start : tab)
    // Events of one request have the same.
    if (text !== header.text) header = readHeader(text)
    events.push(readLine(payload.subarray(start, end), header, { position: record.position, index: events.length }))
    start = end + 1
  }
  return events
}

const lineFeed = 10
const tabulator = 9

interface Header extends Pick<LoggedEvent, 'workspace' | 'receivedAt' | 'trust' | 'flags'> {
  readonly text: string
  readonly isControl: boolean
  /** Empty: none. */
  readonly reason: string
}

function readHeader(text: string): Header {
  const [workspace = '', receivedAt = '', trust = '', reason = '', flags = ''] = text.split(',')
  return {
    text, reason, isControl: trust === 'o', workspace: Number(workspace), receivedAt: Number(receivedAt), trust: trust === 'p' ? 'public' : 'secret',
    flags: flags === '' ? noFlags : flagCodes.filter((code) => flags.split('+').includes(code)),
  }
}

type Place = Pick<LoggedEvent, 'position' | 'index'>

function readLine(line: Buffer, header: Header, { position, index }: Place): LoggedEvent {
  const { workspace, receivedAt, trust, flags, reason } = header
  try {
    if (header.text === '' || !Number.isInteger(workspace) || !Number.isInteger(receivedAt)) throw new Error('no event header')
    const json = line.subarray(header.text.length + 1)
    const parsed: unknown = JSON.parse(json.toString('utf8'))
    if (header.isControl) return { position, index, workspace, receivedAt, trust, flags, messageId: messageIdOf(parsed), json, body: { control: controlOf(parsed) } }
    if (reason !== '') return { position, index, workspace, receivedAt, trust, flags, messageId: messageIdOf(parsed), json, body: { reason: reasonOf(reason) } }
    if (!isCanonicalEvent(parsed)) throw new Error('not a canonical event')
    return { position, index, workspace, receivedAt, trust, flags, messageId: parsed.messageId, json, body: { event: parsed } }
  } catch (error) {
    return poisoned(line.toString('utf8'), { header, position, index, why: messageOf(error) })
  }
}

/** An event that no step can process, kept as it came. */
function poisoned(line: string, { header, position, index, why }: Place & { readonly header: Header; readonly why: string }): LoggedEvent {
  const messageId = `unreadable:${position}:${index}`
  const json = Buffer.from(JSON.stringify({ messageId, encoding: 'utf8', raw: line, truncated: false, why }))
  const { workspace, receivedAt, trust, flags } = header
  return { position, index, workspace: workspace || 0, receivedAt: receivedAt || 0, trust, flags, messageId, json, body: { reason: 'internal_error' } }
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
