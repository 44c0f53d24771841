import { type EventType, limits, type FlagCode, type QuarantineReason } from '@millrace/schemas'
import { droppedId } from '../ports/dropped-id.ts'
import { encodeRecordLine, type Trust } from '../ports/record.ts'
import { consentsOf } from '../identity/consent.ts'
import { strongestIdentifier } from '../identity/extract-identifiers.ts'
import type { Identifier } from '../identity/identifier.ts'
import type { IdentitySettings } from '../identity/identity-settings.ts'
import { canonicalise } from './canonicalise.ts'
import { type ClientAddress, draftEvent } from './draft-event.ts'
import { addressMembers, type AddressMembers, draftSkimmed } from './draft-skimmed.ts'
import { instantText } from '../platform/instant-text.ts'
import { oneByteText } from '../platform/one-byte-text.ts'
import { flag, flagCodesOf, type FlagSet, noFlags } from './flag-set.ts'
import { isObject } from './is-object.ts'
import { messageIdOf, type MessageIdSource } from './message-id.ts'
import { quarantinedJson } from './quarantined-json.ts'
import { BrokenItem, type Envelope } from './read-envelope.ts'
import { clockReader, type ItemClock, type TimedItem } from './request-clock.ts'
import { SkimmedEvent } from './skimmed-event.ts'

/** What the edge knows of a request besides its body. */
export interface AcceptContext extends MessageIdSource {
  readonly workspace: number
  readonly trust: Trust
  /** Epoch milliseconds. */
  readonly receivedAt: number
  /** The pump's rules, so that both ends agree on whom an event names. */
  readonly identity: IdentitySettings
  readonly route: 'batch' | EventType
  readonly sentAtHeader?: string
  /** The person's address, once proxies are subtracted. */
  readonly ip?: string
  readonly userAgent?: string
  /** The events are history that an operator brings; only the import path says so. */
  readonly imported?: boolean
}

/** One item of a request, ready for the log, in the order of the request. */
export interface AcceptedEvent {
  readonly messageId: string
  readonly result: 'ok' | 'duplicate' | 'quarantined'
  /** Present when the line is a quarantined event's. */
  readonly reason?: QuarantineReason
  readonly flags: readonly FlagCode[]
  /** The same for every retry of an event. */
  readonly partitionKey: string
  /** The record line as one-byte text. A duplicate has one too: the log counts everything that came. */
  readonly line: string
}

interface Request {
  readonly envelope: Envelope
  readonly context: AcceptContext
  readonly client: ClientAddress
  readonly address: AddressMembers
  readonly receivedAtText: string
  readonly clockOf: (item: TimedItem) => ItemClock
  /** Flags that concern the whole body. */
  readonly flags: FlagSet
  /** Message ids that came, and dropped ids, with the partition key of the first event with each. */
  readonly seen: Map<string, string>
  /** The limit that what the items share breaks by itself. */
  readonly sharedReason: QuarantineReason | null
}

interface Verdict {
  readonly messageId: string
  readonly flags: FlagSet
  readonly reason: QuarantineReason | null
  /** What the record line holds, as one-byte text. */
  readonly json: string
  readonly identifier: Identifier | null
}

const replacedUtf8 = flag('replaced_utf8')
const imported = flag('imported')
const consentIgnored = flag('consent_ignored')

/** A header may be 16 KiB long, an event 32. */
const userAgentCharactersMax = 1024

/** Judges every item of a request on its own. Whatever it is, it gets a result and a line for the log. */
export function acceptEvents(envelope: Envelope, context: AcceptContext): AcceptedEvent[] {
  const client: ClientAddress = {
    ip: context.ip,
    userAgent: context.userAgent?.slice(0, userAgentCharactersMax),
    onlyIfDirect: context.trust === 'secret',
  }
  const request: Request = {
    envelope,
    context,
    client,
    address: addressMembers(client),
    receivedAtText: instantText(context.receivedAt),
    clockOf: clockReader(envelope, context.sentAtHeader, context.receivedAt),
    flags: (envelope.replacedUtf8 ? replacedUtf8 : noFlags) | (context.imported === true ? imported : noFlags),
    seen: new Map(),
    sharedReason: judgeShared(envelope),
  }
  return envelope.items.map((item, index) => accepted(request, judgeAlone(request, item, index)))
}

/** Judged once: merged into each of 2,500 items first, a few megabytes would keep the process busy for minutes. */
function judgeShared({ context, integrations, plainText, shared: skimmed }: Envelope): QuarantineReason | null {
  if (skimmed !== undefined) return null
  if (!isObject(context) && !isObject(integrations)) return null
  const shared = { context, integrations }
  return canonicalise(shared, { plainText }).reason ?? sizeReason(JSON.stringify(shared))
}

/** A defect of ours that one item brings to light is that item's alone. */
function judgeAlone(request: Request, item: unknown, index: number): Verdict {
  try {
    if (!(item instanceof SkimmedEvent)) return judge(request, item, index)
    return judgeSkimmed(request, item, index) ?? judge(request, item.parsed(), index)
  } catch {
    const sentId = isObject(item) ? item['messageId'] : undefined
    return quarantinedRaw(request, { reason: 'internal_error', index, sentId })
  }
}

function accepted(request: Request, verdict: Verdict): AcceptedEvent {
  const { workspace, receivedAt, trust } = request.context
  const { messageId, reason, json } = verdict
  const flags = flagCodesOf(verdict.flags)
  const own = reason === null ? messageId : droppedId(messageId)
  const first = request.seen.get(messageId) ?? (reason === null ? undefined : request.seen.get(own))
  const duplicate = first !== undefined
  // Behind the first with its id, whatever else the later one says: in another partition it might be decided before it.
  const partitionKey = first ?? `${workspace}:${identifierText(verdict.identifier) ?? `message:${messageId}`}`
  if (!duplicate) request.seen.set(own, partitionKey)
  const line = encodeRecordLine({ workspace, receivedAt, trust, reason, flags, json })
  if (reason === null) return { messageId, result: duplicate ? 'duplicate' : 'ok', flags, partitionKey, line }
  return { messageId, result: duplicate ? 'duplicate' : 'quarantined', reason, flags, partitionKey, line }
}

/** For choosing a partition only: two identifiers may share a text. */
function identifierText(identifier: Identifier | null): string | null {
  return identifier === null ? null : `${identifier.kind}:${identifier.namespace}:${identifier.value}`
}

/** Null where the event has to be parsed to be judged. */
function judgeSkimmed(request: Request, event: SkimmedEvent, index: number): Verdict | null {
  const { envelope: { shared }, context } = request
  if (shared === undefined) return null
  const draft = draftSkimmed({
    event, shared, type: typeOf(request, event), clock: request.clockOf(event), receivedAtText: request.receivedAtText, address: request.address,
    identity: context.identity, messageId: () => messageIdOf(event.messageId, index, context),
  })
  return draft === null ? null : { ...draft, flags: request.flags, reason: null }
}

function judge(request: Request, item: unknown, index: number): Verdict {
  if (item instanceof BrokenItem) {
    return quarantinedRaw(request, { reason: 'bad_json', index, sentId: idWithin(item.bytes) })
  }
  if (!isObject(item)) return quarantinedRaw(request, { reason: 'not_an_object', index, sentId: undefined })
  if (request.sharedReason !== null) {
    return quarantinedRaw(request, { reason: request.sharedReason, index, sentId: item['messageId'] })
  }
  const merged = mergeEnvelope(item, request.envelope)
  const canonical = canonicalise(merged, request.envelope)
  if (canonical.reason !== null) {
    return quarantinedRaw(request, { reason: canonical.reason, index, sentId: item['messageId'] })
  }
  const messageId = messageIdOf(item['messageId'], index, request.context)
  const draft = draftEvent({
    item: canonical.event,
    flags: canonical.flags | request.flags,
    messageId,
    type: typeOf(request, item),
    clock: request.clockOf(item),
    receivedAtText: request.receivedAtText,
    client: request.client,
  })
  const identifier = strongestIdentifier(draft.event, request.context.identity)
  const json = JSON.stringify(draft.event)
  const reason = draft.reason ?? (identifier === null ? 'missing_identifier' : null) ?? sizeReason(json)
  const flags = canonical.flags | draft.flags | request.flags
  if (reason === null) {
    const { ignored } = consentsOf(draft.event, request.context.identity)
    return { messageId, flags: ignored ? flags | consentIgnored : flags, reason, json: oneByteText(json), identifier }
  }
  return { messageId, flags, reason, json: oneByteText(quarantinedJson(messageId, Buffer.from(json))), identifier }
}

/** Each UTF-16 unit is at most three bytes, so most events need no counting. */
function sizeReason(json: string): 'event_too_large' | null {
  if (json.length * 3 <= limits.eventBytesMax) return null
  return Buffer.byteLength(json) > limits.eventBytesMax ? 'event_too_large' : null
}

/** A single route names the type; the items of a list may name their own. */
function typeOf(request: Request, item: { readonly type?: unknown }): EventType | undefined {
  const { route } = request.context
  if (route === 'batch') return undefined
  return request.envelope.single || item.type === undefined ? route : undefined
}

function mergeEnvelope(item: Readonly<Record<string, unknown>>, envelope: Envelope): Readonly<Record<string, unknown>> {
  const context = mergedField(envelope.context, item['context'])
  const integrations = mergedField(envelope.integrations, item['integrations'])
  if (context === item['context'] && integrations === item['integrations']) return item
  return { ...item, context, integrations }
}

/** Key by key, the item's own winning; a value of the wrong type is left for the draft to judge. */
function mergedField(ofEnvelope: unknown, ofItem: unknown): unknown {
  if (!isObject(ofEnvelope)) return ofItem
  if (ofItem === undefined || ofItem === null) return ofEnvelope
  return isObject(ofItem) ? { ...ofEnvelope, ...ofItem } : ofItem
}

interface RawInput {
  readonly reason: QuarantineReason
  readonly index: number
  readonly sentId: unknown
}

/** An item that cannot even be written as canonical JSON is kept as its bytes. */
function quarantinedRaw(request: Request, input: RawInput): Verdict {
  const messageId = messageIdOf(input.sentId, input.index, request.context)
  const json = oneByteText(quarantinedJson(messageId, request.envelope.rawOf(input.index)))
  return { messageId, flags: request.flags, reason: input.reason, json, identifier: null }
}

/** The id within bytes that are no JSON, so that a retry of them is known again. */
function idWithin(bytes: Uint8Array): string | undefined {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, limits.eventBytesMax)).toString()
  return /"messageId"\s*:\s*"([^"\\]{1,100})"/.exec(text)?.[1]
}
