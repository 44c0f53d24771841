import { randomUUID } from 'node:crypto'
import { Admin, Producer } from '@platformatic/kafka'
import { it } from 'vitest'
import { startKafka } from '../../../../scripts/engines/kafka.ts'
import { brokerLogContract } from '../../../test/contracts/broker-log-contract.ts'
import { logContract } from '../../../test/contracts/log-contract.ts'
import { systemClock } from '../../platform/clock.ts'
import { openKafkaReader, openKafkaWriter } from './kafka-log.ts'
import { recordBytesMax } from './kafka-topic.ts'

const engine = await startKafka()

async function makeForeign(bootstrap: string, topic: string, partitions: number): Promise<void> {
  const settings = { clientId: 'other', bootstrapBrokers: [bootstrap] }
  const admin = new Admin(settings)
  await admin.createTopics({ topics: [topic], partitions, replicas: 1 })
  await admin.close()
  const producer = new Producer(settings)
  await producer.send({ messages: Array.from({ length: partitions }, (_, partition) => ({ topic, partition, value: Buffer.from('an invoice') })) })
  await producer.close()
}

if ('missing' in engine) {
  it.skip(`kafka: ${engine.missing}`, () => {})
} else {
  const { url, passwordHost } = engine
  const bootstrap = url.replace('kafka://', '')
  const clock = systemClock

  logContract('kafka', async () => {
    const own = `${url}/log-${randomUUID()}`
    const writer = await openKafkaWriter(own, { partitions: 3, clock, notBefore: null })
    const openReader = () => openKafkaReader(own, { partitions: 3, clock })
    const reader = await openReader()
    return {
      writer, reader, openReader,
      cleanup: async () => {
        await reader.close()
        await writer.close()
      },
    }
  })

  brokerLogContract('kafka', {
    engine, recordBytesMax, deletesAtOnce: true,
    openWriter: (topic, settings) => openKafkaWriter(`${url}/${topic}`, { ...settings, clock, notBefore: null }),
    openReader: (topic, settings) => openKafkaReader(`${url}/${topic}`, { ...settings, clock }),
    makeForeign: (topic, partitions) => makeForeign(bootstrap, topic, partitions),
    openWithWrongPassword: (topic, settings) =>
      openKafkaWriter(`kafka://millrace:wrong@${passwordHost}/${topic}`, { ...settings, clock, notBefore: null }),
  })
}
