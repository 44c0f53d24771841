import type { Client, Producer } from 'pulsar-client'
import { messageOf } from '../../../platform/errors.ts'
import { decodeMessageId } from '../message-id.ts'
import { eventsProperty } from '../message-stream.ts'
import type { ProducerConnection, ProducerListener } from '../resending-producer.ts'
import { nativeFailure } from './pulsar-client.ts'

export interface NativeProducerSettings {
  /** Of one partition. */
  readonly topic: string
  readonly name: string
  readonly shown: string
}

const watchEveryMs = 250
/** The client bridges shorter gaps by itself; after longer ones it may wait a minute before it tries. */
const gapMsMax = 2_000

/** A producer of one partition through the native client, which sends again by itself what a short gap left unanswered. */
export async function connectNativeProducer(
  client: Client, { topic, name, shown }: NativeProducerSettings, listener: ProducerListener,
): Promise<ProducerConnection> {
  const producer = await client.createProducer({
    topic,
    producerName: name,
    // Whoever waits has a bound of his own; 0 would mean the default of 30 s.
    sendTimeoutMs: 2_147_483_647,
    maxPendingMessages: 1_000,
    blockIfQueueFull: false,
    batchingEnabled: false,
  }).catch((error: unknown) => {
    throw nativeFailure(shown, error)
  })
  let open = true
  const lost = (reason: string): void => {
    if (!open) return
    open = false
    stopWatching()
    listener.lost(reason)
  }
  const stopWatching = watch(producer, () => lost('the connection to the broker was lost'))
  return {
    send: ({ id, sequence, payload, events }) => {
      const data = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)
      producer.send({ data, sequenceId: sequence, properties: { [eventsProperty]: String(events) } }).then((messageId) => {
        if (open) listener.answered(id, decodeMessageId(messageId.serialize()))
      }).catch((error: unknown) => lost(messageOf(error)))
    },
    end: () => {
      open = false
      stopWatching()
      producer.close().catch(() => undefined)
    },
  }
}

/** Calls `gone` once when the producer was without a connection for too long; answers what ends the watching. */
function watch(producer: Producer, gone: () => void): () => void {
  let since = performance.now()
  const timer = setInterval(() => {
    if (producer.isConnected()) since = performance.now()
    else if (performance.now() - since > gapMsMax) gone()
  }, watchEveryMs).unref()
  return () => clearInterval(timer)
}
