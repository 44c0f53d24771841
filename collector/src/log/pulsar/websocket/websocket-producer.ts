import { messageOf } from '../../../platform/errors.ts'
import { decodeMessageId } from '../message-id.ts'
import { eventsProperty } from '../message-stream.ts'
import type { PulsarAddress } from '../pulsar-address.ts'
import type { ProducerConnection, ProducerListener } from '../resending-producer.ts'
import { connectSocket } from './connect-socket.ts'

export interface WebSocketProducerSettings {
  readonly partition: number
  readonly name: string
  /** The number of the first message; the proxy counts on from there. */
  readonly first: number
}

/** A producer of one partition through the broker's WebSocket proxy. */
export async function connectWebSocketProducer(
  address: PulsarAddress, { partition, name, first }: WebSocketProducerSettings, listener: ProducerListener,
): Promise<ProducerConnection> {
  let open = true
  const lost = (reason: string): void => {
    if (open) listener.lost(reason)
    open = false
  }
  const heard = (text: string): void => {
    if (!open) return
    try {
      const [context, messageId, error] = readAnswer(text)
      if (messageId === null) lost(`the broker refused a message: ${error}`)
      else listener.answered(context, decodeMessageId(Buffer.from(messageId, 'base64')))
    } catch (error) {
      lost(`the broker gave an answer that cannot be read: ${messageOf(error)}`)
    }
  }
  const parameters = { producerName: name, initialSequenceId: String(first - 1), sendTimeoutMillis: '0' }
  const socket = await connectSocket(address, { kind: 'producer', partition, parameters, heard })
  socket.once('close', (_code, reason) => lost(reason.length === 0 ? 'the connection to the broker was lost' : `the broker closed the connection: ${String(reason)}`))
  return {
    send: ({ id, payload, events }) => {
      const base64 = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('base64')
      socket.send(`{"payload":"${base64}","properties":{"${eventsProperty}":"${events}"},"context":"${id}"}`)
    },
    end: () => {
      open = false
      socket.terminate()
    },
  }
}

function readAnswer(text: string): readonly [context: string, messageId: string | null, error: string] {
  const value: unknown = JSON.parse(text)
  const [context, messageId, error] = ['context', 'messageId', 'errorMsg'].map((name): unknown => Reflect.get(Object(value), name))
  return [String(context), typeof messageId === 'string' ? messageId : null, typeof error === 'string' ? error : 'without a reason']
}
