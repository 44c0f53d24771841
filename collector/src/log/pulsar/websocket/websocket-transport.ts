import type { Clock } from '../../../platform/clock.ts'
import type { PulsarAddress } from '../pulsar-address.ts'
import type { PulsarTransport } from '../pulsar-transport.ts'
import { ResendingProducer } from '../resending-producer.ts'
import { brokerBytes, type TopicAdmin } from '../topic-admin.ts'
import { connectWebSocketProducer } from './websocket-producer.ts'
import { openWebSocketStream } from './websocket-stream.ts'

/** The broker's own default, taken where its settings cannot be read. */
const frameBytesDefault = 1_048_576
/** Of a frame: everything but the payload. */
const frameOverheadBytes = 1_024

/** Through the broker's WebSocket proxy: slower than the native client, and installed anywhere. Needs the package `ws`. */
export async function webSocketTransport(address: PulsarAddress, { topic, clock }: { readonly topic: TopicAdmin; readonly clock: Clock }): Promise<PulsarTransport> {
  const frameBytes = await brokerBytes(topic, 'webSocketMaxTextFrameSize', frameBytesDefault)
  return {
    recordBytesMax: Math.floor((frameBytes - frameOverheadBytes) * 3 / 4),
    boundedBy: 'webSocketMaxTextFrameSize',
    openProducer: (partition, settings) => ResendingProducer.open({
      clock, ...settings,
      connect: (name, first, listener) => connectWebSocketProducer(address, { partition, name, first }, listener),
    }),
    openStream: (partition, after, listener) => openWebSocketStream(address, [partition, after], listener),
    close: async () => {},
  }
}
