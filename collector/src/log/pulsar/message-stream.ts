import type { MessageId } from './message-id.ts'

export interface ReceivedMessage {
  readonly id: MessageId
  readonly payload: Uint8Array
  /** When the broker's client published it, epoch milliseconds. */
  readonly publishedAt: number
  /** What {@link eventsProperty} says; undefined where the message is not ours. */
  readonly events: string | undefined
}

export interface StreamListener {
  message(message: ReceivedMessage): void
  /** The stream is over, once: a lost connection. */
  ended(reason: string): void
}

/** Messages of one partition as they come, no more of them on the way than were allowed. */
export interface MessageStream {
  /** So many messages were taken by the reader: as many more may come. */
  taken(count: number): void
  close(): Promise<void>
}

/** Opens a stream at the first message after `after`, or at the oldest kept. */
export type OpenStream = (partition: number, after: MessageId | null, listener: StreamListener) => Promise<MessageStream>

/** The property of a message that says how many events it carries; a message without it is not ours. */
export const eventsProperty = 'millrace-events'

/** Messages that may be on their way to a reader of one partition. */
export const streamMessagesMax = 64
