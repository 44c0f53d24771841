import type { Client } from 'pulsar-client'
import type { Clock } from '../../../platform/clock.ts'
import type { PulsarAddress } from '../pulsar-address.ts'
import type { PulsarTransport } from '../pulsar-transport.ts'
import { ResendingProducer } from '../resending-producer.ts'
import { brokerBytes, type TopicAdmin } from '../topic-admin.ts'
import { connectNativeProducer } from './native-producer.ts'
import { openNativeStream } from './native-stream.ts'
import { loadPulsarPackage, makeClient } from './pulsar-client.ts'

/** The broker's own default, taken where its settings cannot be read. */
const messageBytesDefault = 5_242_880
/** Of a message: its metadata. */
const overheadBytes = 10_240
const closeMsMax = 3_000

/** Through Apache's native client. Needs the package `pulsar-client` with its native part (`package_missing`). */
export async function nativeTransport(address: PulsarAddress, { topic, clock }: { readonly topic: TopicAdmin; readonly clock: Clock }): Promise<PulsarTransport> {
  const pulsar = await loadPulsarPackage()
  const messageBytes = await brokerBytes(topic, 'maxMessageSize', messageBytesDefault)
  // All producers share one connection; a process that only reads makes none.
  let client: Client | null = null
  return {
    recordBytesMax: messageBytes - overheadBytes,
    boundedBy: 'maxMessageSize',
    openProducer: (partition, settings) => ResendingProducer.open({
      clock, ...settings,
      connect: (name, _first, listener) => {
        client ??= makeClient(pulsar, address)
        return connectNativeProducer(client, { topic: `persistent://${address.topic}-partition-${partition}`, name, shown: address.shown }, listener)
      },
    }),
    openStream: async (partition, after, listener) =>
      openNativeStream(pulsar, [address, { partition, after, holdings: await topic.holdings(partition) }], listener),
    close: async () => {
      // A broker that is away must not hold up the end of the process.
      await Promise.race([client?.close().catch(() => undefined), new Promise((resolve) => setTimeout(resolve, closeMsMax).unref())])
    },
  }
}
