import type { MessageId } from './message-id.ts'

/** Publishes to one partition in the order of the calls, over whatever transport. */
export interface PartitionProducer {
  /**
   * Resolves once the message is durable; null where the broker had it already, so that its id is not known. Rejects with
   * `unavailable` (not sent) or `outcome_unknown` (sent, not answered in time), both retryable.
   */
  send(payload: Uint8Array, events: number): Promise<MessageId | null>
  /** Why it cannot send now; null where it can. */
  trouble(): string | null
  /** Waits for what was sent, within the bound of an answer. */
  close(): Promise<void>
}
