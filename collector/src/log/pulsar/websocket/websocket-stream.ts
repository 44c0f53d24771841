import { MillraceError } from '../../../platform/errors.ts'
import { decodeMessageId, encodeMessageId, type MessageId } from '../message-id.ts'
import { eventsProperty, type MessageStream, type ReceivedMessage, streamMessagesMax, type StreamListener } from '../message-stream.ts'
import type { PulsarAddress } from '../pulsar-address.ts'
import { connectSocket } from './connect-socket.ts'

/** A reader of one partition through the broker's WebSocket proxy, which pushes as many messages as were allowed. */
export async function openWebSocketStream(
  address: PulsarAddress, [partition, after]: readonly [number, MessageId | null], listener: StreamListener,
): Promise<MessageStream> {
  const messageId = after === null ? 'earliest' : encodeMessageId(after, partition).toString('base64')
  let open = true
  let end = (): void => {}
  const heard = (text: string): void => {
    if (!open) return
    const message = readMessage(text)
    if (message !== null) {
      listener.message(message)
      return
    }
    // Nothing may be passed over: what comes after is read again together with it.
    open = false
    end()
  }
  const parameters = { messageId, receiverQueueSize: String(streamMessagesMax) }
  const socket = await connectSocket(address, { kind: 'reader', partition, parameters, heard })
  if (!open) {
    socket.terminate()
    throw unreadable(address)
  }
  end = () => {
    socket.terminate()
    listener.ended(unreadable(address).message)
  }
  socket.once('close', (_code, reason) => {
    if (!open) return
    open = false
    listener.ended(reason.length === 0 ? 'the connection to the broker was lost' : String(reason))
  })
  return {
    taken: (count) => {
      // The proxy counts the answers, whatever they say; the reader itself acknowledges nothing.
      for (let sent = 0; sent < count; sent += 1) socket.send('{}')
    },
    close: async () => {
      open = false
      socket.close()
    },
  }
}

function unreadable({ shown }: PulsarAddress): MillraceError {
  return new MillraceError('unavailable', `Pulsar at ${shown} sent a message that cannot be read`, { retryable: true })
}

/** null where it cannot be read. */
function readMessage(text: string): ReceivedMessage | null {
  try {
    const value: unknown = JSON.parse(text)
    const [messageId, payload, published]: readonly unknown[] = ['messageId', 'payload', 'publishTime'].map((name): unknown => Reflect.get(Object(value), name))
    const id = decodeMessageId(Buffer.from(String(messageId), 'base64'))
    const publishedAt = Date.parse(String(published))
    if (id === null || typeof payload !== 'string' || Number.isNaN(publishedAt)) return null
    const events: unknown = Reflect.get(Object(Reflect.get(Object(value), 'properties')), eventsProperty)
    return { id, payload: Buffer.from(payload, 'base64'), publishedAt, events: typeof events === 'string' ? events : undefined }
  } catch {
    return null
  }
}
