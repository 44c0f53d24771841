import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MillraceError } from '../../platform/errors.ts'
import { prepareTopic } from './prepare-topic.ts'
import { PulsarAdmin } from './pulsar-admin.ts'
import { parsePulsarAddress } from './pulsar-address.ts'
import { openPulsarReader, openPulsarWriter, type PulsarLogSettings } from './pulsar-log.ts'
import { TopicAdmin } from './topic-admin.ts'

const scratchPartitions = 1

/**
 * Tries the log on Pulsar for `doctor` and says what was found: the topic itself is only looked at, since what is written
 * to it stays; a record goes through a scratch topic beside it, which is removed. Fails as opening the log does.
 */
export async function checkPulsarLog(url: string, settings: PulsarLogSettings): Promise<string> {
  const address = parsePulsarAddress(url, settings.token)
  const admin = new PulsarAdmin(address)
  const topic = new TopicAdmin(admin, address.topic)
  try {
    const found = (await topic.shape()) === null
      ? ['the topic will be made']
      : (await prepareTopic({ ...settings, topic, shown: address.shown, make: null })).found
    const scratch = `${address.topic}-doctor-${randomUUID()}`
    try {
      const tookMs = await tryScratch(url.replace(address.topic, scratch), settings)
      return [`a record was durable after ${tookMs.toFixed(1)} ms and read back`, ...found].join('; ')
    } finally {
      await new TopicAdmin(admin, scratch).remove().catch(() => undefined)
    }
  } finally {
    admin.close()
  }
}

async function tryScratch(url: string, settings: PulsarLogSettings): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-doctor-'))
  const own = { ...settings, partitions: scratchPartitions }
  try {
    const writer = await openPulsarWriter(url, { ...own, directory, notBefore: null })
    const begin = performance.now()
    await writer.append(0, Buffer.from('doctor'), 1)
    const tookMs = performance.now() - begin
    await writer.close()
    const reader = await openPulsarReader(url, own)
    try {
      const [record] = await (await reader.open(0, null)).next({ maxRecords: 1, maxBytes: 1_024, waitMs: 5_000 })
      if (record === undefined || Buffer.from(record.payload).toString() !== 'doctor') throw new MillraceError('log_failed', 'a record did not come back from Pulsar')
    } finally {
      await reader.close()
    }
    return tookMs
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
