/** A body, and its bytes as one-byte text, of which pieces are cut without copying. */
export interface SkimmedText {
  readonly bytes: Buffer
  readonly oneByte: string
}

/** The fields of an event that are text. */
export const textFields = [
  'messageId', 'type', 'event', 'name', 'category', 'userId', 'anonymousId', 'previousId', 'groupId', 'timestamp',
  'originalTimestamp', 'sentAt',
] as const

export type TextField = (typeof textFields)[number]

/** What of a context decides whether the address of the connection is added, and whom it names; as bits. */
export const contextHas = Object.freeze({ ip: 1, userAgent: 2, direct: 4, identifiers: 8, emptyAddress: 16 })

/** An object's text as it stands in its body, and what is known of it. */
export interface SkimmedContext {
  /** One-byte text. */
  readonly json: string
  /** Of {@link contextHas}. */
  readonly bits: number
  /** Its keys as hashes: two equal ones need not be the same key. */
  readonly keys: readonly number[]
}

/**
 * An event of which only the outermost fields were read. The rest stands in its body exactly as JSON.stringify would
 * write it, and goes to the log as it came. All JSON in here is one-byte text.
 */
export class SkimmedEvent implements Readonly<Record<TextField, string | undefined>> {
  readonly text: SkimmedText
  readonly start: number
  end: number
  messageId: string | undefined = undefined
  type: string | undefined = undefined
  event: string | undefined = undefined
  name: string | undefined = undefined
  category: string | undefined = undefined
  userId: string | undefined = undefined
  anonymousId: string | undefined = undefined
  previousId: string | undefined = undefined
  groupId: string | undefined = undefined
  timestamp: string | undefined = undefined
  originalTimestamp: string | undefined = undefined
  sentAt: string | undefined = undefined
  properties: string | undefined = undefined
  context: SkimmedContext | undefined = undefined
  integrations: string | undefined = undefined
  /** The fields that have no place of their own, `"key":value` each. */
  others: string[] | null = null
  /** Some text field holds more than ASCII. */
  hasWideText = false
  /** A property that has a column of its own may not fit there. */
  hasOddProperty = false
  /** Keys at all places. */
  keys = 0

  constructor(text: SkimmedText, start: number) {
    this.text = text
    this.start = start
    this.end = start
  }

  /** The event as JSON.parse gives it. */
  parsed(): unknown {
    return JSON.parse(this.text.bytes.toString('utf8', this.start, this.end))
  }
}

/** What the events of a body share. */
export interface SkimmedShare {
  readonly context: SkimmedContext | undefined
  /** The text of a JSON object. */
  readonly integrations: string | undefined
  /** Keys at all places. */
  readonly keys: number
}
