import { randomUUID } from 'node:crypto'
import { Admin, Producer } from '@platformatic/kafka'
import { describe, expect, it } from 'vitest'
import { kafkaAccount, startKafka, type StartedKafka } from '../../../../scripts/engines/kafka.ts'
import { brokerLogContract } from '../../../test/contracts/broker-log-contract.ts'
import { logContract, take, textOf } from '../../../test/contracts/log-contract.ts'
import { systemClock } from '../../platform/clock.ts'
import { openKafkaReader, openKafkaWriter } from './kafka-log.ts'
import { recordBytesMax } from './kafka-topic.ts'

const engine = await startKafka()
const clock = systemClock
const options = { partitions: 3, clock, notBefore: null }

async function administer(bootstrap: string, work: (admin: Admin) => Promise<unknown>): Promise<void> {
  const admin = new Admin({ clientId: 'other', bootstrapBrokers: [bootstrap] })
  try {
    await work(admin)
  } finally {
    await admin.close()
  }
}

/** What another program would write. */
async function produceForeign(bootstrap: string, topic: string, partitions: number): Promise<void> {
  const producer = new Producer({ clientId: 'other', bootstrapBrokers: [bootstrap] })
  await producer.send({ messages: Array.from({ length: partitions }, (_, partition) => ({ topic, partition, value: Buffer.from('an invoice') })) })
  await producer.close()
}

async function makeForeign(bootstrap: string, topic: string, partitions: number): Promise<void> {
  await administer(bootstrap, (admin) => admin.createTopics({ topics: [topic], partitions, replicas: 1 }))
  await produceForeign(bootstrap, topic, partitions)
}

/** Appends through this URL and reads back. */
async function comesBack(url: string): Promise<void> {
  const writer = await openKafkaWriter(url, options)
  await writer.append(2, Buffer.from('over this way'), 1)
  const reader = await openKafkaReader(url, options)
  expect((await take(await reader.open(2, null), 1)).map(textOf)).toEqual(['over this way'])
  await reader.close()
  await writer.close()
}

function ways({ url, passwordHost, tlsHost, certificate }: StartedKafka): void {
  const { username, password } = kafkaAccount
  const topic = (): string => `ways-${randomUUID()}`
  const refusal = (what: RegExp) => ({ code: 'bad_config', retryable: false, message: expect.stringMatching(what) })

  describe('the ways to a Kafka', () => {
    it.each(['scram-sha-512', 'plain'])('shows the password by %s', async (mechanism) => {
      await comesBack(`kafka://${username}:${password}@${passwordHost}/${topic()}?sasl=${mechanism}`)
      await expect(comesBack(`kafka://${username}:wrong@${passwordHost}/${topic()}?sasl=${mechanism}`)).rejects.toMatchObject(refusal(/refuses the user or the password/))
    })

    it('says where the password is shown in a way that is not taken', async () => {
      await expect(comesBack(`kafka://${username}:${password}@${passwordHost}/${topic()}?sasl=scram-sha-256`)).rejects.toMatchObject(refusal(/another with \?sasl=plain/))
      await expect(comesBack(url.replace('//', `//${username}:${password}@`) + `/${topic()}`)).rejects.toMatchObject(refusal(/no password at this port/))
      // The broker hangs up without a word on whoever shows none.
      await expect(comesBack(`kafka://${passwordHost}/${topic()}`)).rejects.toMatchObject({ code: 'unavailable', message: expect.stringMatching(/want a password/) })
    })

    it('speaks TLS with a broker whose certificate it is told to trust', async () => {
      await comesBack(`kafka://${tlsHost}/${topic()}?ca=${encodeURIComponent(certificate)}`)
      await expect(comesBack(`kafka://${tlsHost}/${topic()}?tls=true`)).rejects.toMatchObject(refusal(/not trusted.*\?ca=FILE/))
      const byAddress = tlsHost.replace('localhost', '127.0.0.1')
      await expect(comesBack(`kafka://${byAddress}/${topic()}?ca=${encodeURIComponent(certificate)}`)).rejects.toMatchObject(refusal(/not its own/))
      await expect(comesBack(`kafka://${tlsHost}/${topic()}`)).rejects.toMatchObject(refusal(/add \?tls=true/))
      await expect(comesBack(`${url}/${topic()}?tls=true`)).rejects.toMatchObject(refusal(/no TLS at this port/))
    })

    it('says that there is no such host, and uses the next one', async () => {
      await expect(comesBack(`kafka://no-such-host.invalid/${topic()}`)).rejects.toMatchObject({ code: 'unavailable', retryable: true, message: expect.stringMatching(/no such host/) })
      await comesBack(url.replace('kafka://', 'kafka://127.0.0.1:1,') + `/${topic()}`)
    })
  })
}

function topics({ url }: StartedKafka): void {
  const bootstrap = url.replace('kafka://', '')

  describe('the topic of a log on Kafka', () => {
    it('sorts after its earlier life when it was deleted, and the writer makes it again by itself', async () => {
      const topic = `life-${randomUUID()}`
      const writer = await openKafkaWriter(`${url}/${topic}`, { ...options, appendTimeoutMs: 60_000 })
      for (let index = 0; index < 3; index += 1) await writer.append(0, Buffer.from(`first life ${index}`), 1)
      const reader = await openKafkaReader(`${url}/${topic}`, options)
      const waiting = await reader.open(0, null)
      const [, , last] = await waiting.next({ maxRecords: 3, maxBytes: 10_000, waitMs: 10_000 })
      await administer(bootstrap, (admin) => admin.deleteTopics({ topics: [topic] }))
      await writer.append(0, Buffer.from('second life'), 1)
      await expect(waiting.next({ maxRecords: 1, maxBytes: 10_000, waitMs: 60_000 })).rejects.toMatchObject({ code: 'log_gap' })
      const records = await take(await reader.open(0, last?.position ?? null), 1)
      expect(records.map(textOf)).toEqual(['second life'])
      expect([last?.position, records[0]?.position].toSorted()[0]).toBe(last?.position)
      // What the earlier life is acknowledged up to says nothing of this one.
      await reader.acknowledge(0, last?.position ?? '')
      expect(await take(await reader.open(0, null), 1)).toEqual(records)
      await reader.close()
      await writer.close()
    })

    it('is made to sort after what is decided, and is refused where it does not', async () => {
      const topic = `after-${randomUUID()}`
      const ahead = '00ffffffff:0000000000000007'
      await (await openKafkaWriter(`${url}/${topic}`, options)).close()
      const reader = await openKafkaReader(`${url}/${topic}`, options)
      await expect(reader.open(0, ahead)).rejects.toMatchObject({ code: 'log_gap', retryable: false })
      await reader.close()
      await administer(bootstrap, (admin) => admin.deleteTopics({ topics: [topic] }))
      const writer = await openKafkaWriter(`${url}/${topic}`, { ...options, notBefore: ahead })
      const position = await writer.append(0, Buffer.from('later'), 1)
      expect([ahead, position].toSorted()[0]).toBe(ahead)
      const again = await openKafkaReader(`${url}/${topic}`, options)
      expect((await take(await again.open(0, ahead), 1)).map(textOf)).toEqual(['later'])
      await again.close()
      await writer.close()
    })

    it('is refused when somebody made it forget by time, with the command that mends it', async () => {
      const topic = `forgets-${randomUUID()}`
      await (await openKafkaWriter(`${url}/${topic}`, options)).close()
      await administer(bootstrap, (admin) => admin.incrementalAlterConfigs({
        resources: [{ resourceType: 2, resourceName: topic, configs: [{ name: 'retention.ms', configOperation: 0, value: '1000' }] }],
      }))
      const refusal = { code: 'bad_config', message: expect.stringContaining(`kafka-configs.sh --alter --topic ${topic} --add-config retention.ms=-1`) }
      await expect(openKafkaWriter(`${url}/${topic}`, options)).rejects.toMatchObject(refusal)
      await expect(openKafkaReader(`${url}/${topic}`, options)).rejects.toMatchObject(refusal)
    })

    it('passes over what another program writes into it', async () => {
      const topic = `shared-${randomUUID()}`
      const writer = await openKafkaWriter(`${url}/${topic}`, options)
      await writer.append(0, Buffer.from('before'), 1)
      await produceForeign(bootstrap, topic, 3)
      await writer.append(0, Buffer.from('after'), 1)
      const warned = new Promise<Error>((resolve) => process.once('warning', resolve))
      const reader = await openKafkaReader(`${url}/${topic}`, options)
      expect((await take(await reader.open(0, null), 2)).map(textOf)).toEqual(['before', 'after'])
      expect((await warned).message).toContain(topic)
      await reader.close()
      await writer.close()
    })

    it('cannot be made with more copies than there are brokers, and says so', async () => {
      await expect(openKafkaWriter(`${url}/copies-${randomUUID()}?replicas=3`, options)).rejects.toMatchObject({ code: 'bad_config', message: expect.stringMatching(/3 copies/) })
    })
  })
}

if ('missing' in engine) {
  it.skip(`kafka: ${engine.missing}`, () => {})
} else {
  const { url, passwordHost } = engine
  const bootstrap = url.replace('kafka://', '')

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

  ways(engine)
  topics(engine)

  brokerLogContract('kafka', {
    engine, recordBytesMax, deletesAtOnce: true,
    openWriter: (topic, settings) => openKafkaWriter(`${url}/${topic}`, { ...settings, clock, notBefore: null }),
    openReader: (topic, settings) => openKafkaReader(`${url}/${topic}`, { ...settings, clock }),
    makeForeign: (topic, partitions) => makeForeign(bootstrap, topic, partitions),
    openWithWrongPassword: (topic, settings) =>
      openKafkaWriter(`kafka://millrace:wrong@${passwordHost}/${topic}`, { ...settings, clock, notBefore: null }),
  })
}
