import type { Message } from 'pulsar-client'
import { decodeMessageId, encodeMessageId, type MessageId } from '../message-id.ts'
import { eventsProperty, type MessageStream, type ReceivedMessage, streamMessagesMax, type StreamListener } from '../message-stream.ts'
import type { PulsarAddress } from '../pulsar-address.ts'
import type { Holdings } from '../topic-admin.ts'
import { makeClient, nativeFailure, type PulsarPackage } from './pulsar-client.ts'

const watchEveryMs = 500
const gapMsMax = 2_000
const closeMsMax = 3_000

export interface NativeStreamStart {
  readonly partition: number
  readonly after: MessageId | null
  /** What the broker holds now. */
  readonly holdings: Holdings | null
}

/**
 * A reader of one partition through the native client. Its listener holds the client's own thread while the taker has
 * enough, so each stream is a client of its own: on a shared one a full partition would stop all others. No call of it
 * holds a thread of Node's pool, as `readNext` would, or the event loop, as `hasNext` would.
 *
 * What a listener gets before the promise of its reader is resolved is lost inside the client. So the reader begins at
 * the end and seeks when it is there, one message too early where that one is known; everything is passed over until
 * the message comes that has to be the first.
 */
export async function openNativeStream(
  pulsar: PulsarPackage, [address, start]: readonly [PulsarAddress, NativeStreamStart], listener: StreamListener,
): Promise<MessageStream> {
  const { partition } = start
  const { from, isFirst } = beginning(start)
  const client = makeClient(pulsar, address)
  let open = true
  let begun = false
  /** When the first message was passed over. */
  let waitingSince: number | null = null
  let untaken = 0
  let resume = (): void => {}
  // The client waits for a promise that it answers before it hands out the next message.
  const listen = (message: Message): unknown => {
    const received = readMessage(message)
    if (!open || received === null) return undefined
    begun ||= isFirst(received.id)
    if (!begun) {
      waitingSince ??= performance.now()
      return undefined
    }
    untaken += 1
    listener.message(received)
    if (untaken < streamMessagesMax || !open) return undefined
    return new Promise<void>((resolve) => {
      resume = resolve
    })
  }
  const failed = async (error: unknown): Promise<never> => {
    open = false
    await client.close().catch(() => undefined)
    throw nativeFailure(address.shown, error)
  }
  const reader = await client.createReader({
    topic: `persistent://${address.topic}-partition-${partition}`,
    startMessageId: pulsar.MessageId.latest(),
    receiverQueueSize: streamMessagesMax,
    listener: listen,
  }).catch(failed)
  await reader.seek(from === null ? pulsar.MessageId.earliest() : pulsar.MessageId.deserialize(encodeMessageId(from, partition))).catch(failed)
  const end = async (): Promise<void> => {
    open = false
    clearInterval(timer)
    resume()
    const closed = reader.close().then(() => client.close()).catch(() => undefined)
    await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, closeMsMax).unref())])
  }
  let connectedAt = performance.now()
  const timer = setInterval(() => {
    const now = performance.now()
    if (reader.isConnected()) connectedAt = now
    const gone = now - connectedAt > gapMsMax
    // The ledger that it had to begin with was dropped meanwhile.
    const astray = !begun && waitingSince !== null && now - waitingSince > gapMsMax
    if (!gone && !astray) return
    void end()
    listener.ended(gone ? 'the connection to the broker was lost' : 'the first message did not come')
  }, watchEveryMs).unref()
  return {
    taken: (count) => {
      untaken -= count
      if (untaken < streamMessagesMax) resume()
    },
    close: end,
  }
}

/** The message to seek, which is passed over itself, and which one has to come first then. */
function beginning({ after, holdings }: NativeStreamStart): { readonly from: MessageId | null; isFirst(id: MessageId): boolean } {
  if (after !== null && holdings?.ledgers.includes(after.ledger) === true) {
    // At the first entry of a ledger there is nothing before it to seek.
    const from = { ledger: after.ledger, entry: after.entry - 1, index: -1 }
    if (after.entry > 0) return { from, isFirst: ({ ledger, entry }) => ledger === after.ledger && entry === after.entry }
  }
  const oldest = holdings?.oldest ?? null
  // Ledgers are dropped whole, so what is kept begins with a first entry.
  return { from: null, isFirst: ({ ledger, entry }) => entry === 0 && (oldest === null || ledger === oldest) }
}

/** null for a message that the broker gives without an id, which is none of ours. */
function readMessage(message: Message): ReceivedMessage | null {
  const id = decodeMessageId(message.getMessageId().serialize())
  const events = message.getProperties()[eventsProperty]
  return id === null ? null : { id, payload: message.getData(), publishedAt: message.getPublishTimestamp(), events }
}
