import { field, listField, textField } from './field.ts'

export interface FeedEvent {
  readonly messageId: string
  readonly result: string
  /** Why it was dropped; empty for a stored one. */
  readonly reason: string
  readonly type: string
  readonly metric: string
  readonly receivedAt: string
  /** Whose it is now; null for a dropped one. */
  readonly profileId: string | null
  readonly userId: string
  readonly anonymousId: string
  readonly properties: unknown
}

export interface FeedPage {
  readonly events: readonly FeedEvent[]
  readonly next: string
  readonly more: boolean
}

export function readFeedPage(body: unknown): FeedPage {
  return { events: listField(body, 'events').map(readFeedEvent), next: textField(body, 'next'), more: field(body, 'more') === true }
}

function readFeedEvent(value: unknown): FeedEvent {
  const profileId = textField(value, 'currentProfileId') || textField(value, 'profileId')
  return {
    messageId: textField(value, 'messageId'), result: textField(value, 'result'), reason: textField(value, 'reason'),
    type: textField(value, 'type'), metric: textField(value, 'metric'), receivedAt: textField(value, 'receivedAt'),
    profileId: profileId === '' ? null : profileId,
    userId: textField(value, 'userId'), anonymousId: textField(value, 'anonymousId'), properties: field(value, 'properties'),
  }
}
