import { entriesField, field, listField, numberField, textField, textsField } from './field.ts'

export interface IdentifierGroup {
  readonly kind: string
  readonly values: readonly string[]
}

export interface TimelineEvent {
  readonly messageId: string
  readonly metric: string
  readonly time: string
  readonly properties: unknown
}

export interface MetricSummary {
  readonly metric: string
  readonly count: number
  readonly firstAt: string
  readonly lastAt: string
  readonly last: readonly TimelineEvent[]
}

export interface Profile {
  readonly id: string
  /** The id that was asked for, where it was merged into this one. */
  readonly mergedFrom: string
  readonly version: number
  readonly name: string
  readonly createdAt: string
  readonly identifiers: readonly IdentifierGroup[]
  readonly properties: readonly (readonly [string, unknown])[]
  /** Most frequent first. */
  readonly metrics: readonly MetricSummary[]
}

export function readProfile(body: unknown): Profile {
  const card = field(body, 'profile')
  const identifiers = readIdentifiers(card)
  return {
    id: textField(card, 'id'), mergedFrom: textField(body, 'mergedFrom'), version: numberField(card, 'version'),
    name: nameOf(card, identifiers), createdAt: textField(card, 'createdAt'), identifiers,
    properties: entriesField(card, 'properties'),
    metrics: entriesField(card, 'metrics').map(([metric, summary]) => ({
      metric, count: numberField(summary, 'count'), firstAt: textField(summary, 'firstAt'), lastAt: textField(summary, 'lastAt'),
      last: listField(summary, 'last').map(readTimelineEvent),
    })).sort((one, other) => other.count - one.count),
  }
}

function readIdentifiers(card: unknown): readonly IdentifierGroup[] {
  const identifiers = field(card, 'identifiers')
  return entriesField(card, 'identifiers').map(([kind]) => ({ kind, values: textsField(identifiers, kind) })).filter(({ values }) => values.length > 0)
}

/** What a person is called by: a name where one is known, else the strongest identifier. */
function nameOf(card: unknown, identifiers: readonly IdentifierGroup[]): string {
  const properties = field(card, 'properties')
  const full = [textField(properties, 'firstName'), textField(properties, 'lastName')].filter((part) => part !== '').join(' ')
  const email = identifiers.find(({ kind }) => kind === 'email')?.values[0]
  return textField(properties, 'name') || full || email || identifiers[0]?.values[0] || 'Somebody'
}

function readTimelineEvent(event: unknown): TimelineEvent {
  return { messageId: textField(event, 'messageId'), metric: textField(event, 'metric'), time: textField(event, 'time'), properties: field(event, 'properties') }
}

export interface TimelinePage {
  readonly events: readonly TimelineEvent[]
  readonly next: string | null
}

export function readTimelinePage(body: unknown): TimelinePage {
  return { events: listField(body, 'events').map(readTimelineEvent), next: textField(body, 'next') || null }
}

const kindNames: Readonly<Record<string, string>> = {
  externalId: 'Customer id', external_id: 'Customer id', email: 'E-mail', phone: 'Phone', anonymousId: 'Anonymous id', anonymous_id: 'Anonymous id',
}

/** As people call a kind of identifier; an unknown kind as it is called. */
export function kindName(kind: string): string {
  return kindNames[kind] ?? kind
}
