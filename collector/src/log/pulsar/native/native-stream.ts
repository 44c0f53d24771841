import type { Message } from 'pulsar-client'
import { decodeMessageId, encodeMessageId, type MessageId } from '../message-id.ts'
import { eventsProperty, type MessageStream, type ReceivedMessage, streamMessagesMax, type StreamListener } from '../message-stream.ts'
import type { PulsarAddress } from '../pulsar-address.ts'
import { makeClient, nativeFailure, type PulsarPackage } from './pulsar-client.ts'

const watchEveryMs = 500
const gapMsMax = 2_000
const closeMsMax = 3_000

/**
 * A reader of one partition through the native client. Its listener holds the client's own thread while the taker has
 * enough, so each stream is a client of its own: on a shared one a full partition would stop all others. No call of it
 * holds a thread of Node's pool, as `readNext` would, or the event loop, as `hasNext` would.
 */
export async function openNativeStream(
  pulsar: PulsarPackage, [address, partition, after]: readonly [PulsarAddress, number, MessageId | null], listener: StreamListener,
): Promise<MessageStream> {
  const client = makeClient(pulsar, address)
  let open = true
  let untaken = 0
  let resume = (): void => {}
  // The client waits for a promise that it answers before it hands out the next message.
  const listen = (message: Message): unknown => {
    const received = readMessage(message)
    if (!open || received === null) return undefined
    untaken += 1
    listener.message(received)
    if (untaken < streamMessagesMax || !open) return undefined
    return new Promise<void>((resolve) => {
      resume = resolve
    })
  }
  const reader = await client.createReader({
    topic: `persistent://${address.topic}-partition-${partition}`,
    startMessageId: after === null ? pulsar.MessageId.earliest() : pulsar.MessageId.deserialize(encodeMessageId(after, partition)),
    receiverQueueSize: streamMessagesMax,
    listener: listen,
  }).catch(async (error: unknown) => {
    await client.close().catch(() => undefined)
    throw nativeFailure(address.shown, error)
  })
  const end = async (): Promise<void> => {
    open = false
    clearInterval(timer)
    resume()
    const closed = reader.close().then(() => client.close()).catch(() => undefined)
    await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, closeMsMax).unref())])
  }
  let since = performance.now()
  const timer = setInterval(() => {
    if (reader.isConnected()) since = performance.now()
    else if (performance.now() - since > gapMsMax) {
      void end()
      listener.ended('the connection to the broker was lost')
    }
  }, watchEveryMs).unref()
  return {
    taken: (count) => {
      untaken -= count
      if (untaken < streamMessagesMax) resume()
    },
    close: end,
  }
}

/** null for a message that the broker gives without an id, which is none of ours. */
function readMessage(message: Message): ReceivedMessage | null {
  const id = decodeMessageId(message.getMessageId().serialize())
  const events = message.getProperties()[eventsProperty]
  return id === null ? null : { id, payload: message.getData(), publishedAt: message.getPublishTimestamp(), events }
}
