/**
 * Whether somebody may be written to belongs to an address, not to a person: a new number has not agreed to anything, and
 * a merge or a split moves no consent. Every statement is kept; the latest one counts.
 */

/** What an address is used for, and the kind of identifier that it is. */
export const channelKinds = Object.freeze({ email: 'email', sms: 'phone', whatsapp: 'phone', phone: 'phone' } as const)
export type ConsentChannel = keyof typeof channelKinds
export const consentChannels: readonly ConsentChannel[] = Object.freeze(['email', 'sms', 'whatsapp', 'phone'])

/** Mildest first: of two statements of one instant the stricter counts. Stored as their place, so a new one goes to the end. */
export const consentStatuses = Object.freeze(['subscribed', 'never', 'unsubscribed', 'suppressed'] as const)
export type ConsentStatus = (typeof consentStatuses)[number]

/** One use of one address. */
export interface ConsentAddress {
  /** Of an identifier of the channel's kind. */
  readonly identifierKey: string
  readonly channel: ConsentChannel
}

/**
 * One statement. Statements of an address are ordered by time, strictness and message id. The greatest counts, among those
 * made with a secret key and those that are no milder than the greatest of these: write keys are public, so anybody can
 * say with one that somebody else agrees. What makes it stricter needs no trust.
 */
export interface ConsentRow extends ConsentAddress {
  readonly workspace: number
  readonly status: ConsentStatus
  /** When it was said, epoch milliseconds. */
  readonly time: number
  readonly messageId: string
  /** Sent with a secret key. */
  readonly trusted: boolean
  /** How it was given, as the event names it. */
  readonly method: string | null
  /** Of the event, epoch milliseconds. */
  readonly receivedAt: number
}

/** A page of an address's statements, the greatest first. */
export interface ConsentHistoryQuery extends ConsentAddress {
  readonly workspace: number
  /** Continue strictly below this one. */
  readonly below?: Pick<ConsentRow, 'time' | 'status' | 'messageId'>
  readonly limit: number
}

export function strictnessOf(status: ConsentStatus): number {
  return consentStatuses.indexOf(status)
}
