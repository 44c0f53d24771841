import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { retailBatches, type RetailBatch } from '../../bench/spine/retail-batches.ts'
import { connectControl } from '../src/control-client.ts'
import { sampleFile } from '../src/demo/sample-file.ts'
import { BatchSender } from './batch-sender.ts'
import { CollectorProcess, testKeys } from './collector-process.ts'
import { killAtRandom } from './kill-at-random.ts'
import { untilAtRest } from './read-side.ts'

const seed = Number(process.env['MILLRACE_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const data = mkdtempSync(join(tmpdir(), 'millrace-kill-'))
const collector = new CollectorProcess(data, ['--object-delay-ms', '200', '--load-delay-ms', '100', '--object-bytes-max', '262144'])

beforeAll(() => collector.start(), 60_000)

afterAll(async () => {
  await collector.stop()
  rmSync(data, { recursive: true })
}, 60_000)

describe('kill -9 of each process at random moments', () => {
  it('loses nothing and stores nothing twice, in any tier', async () => {
    console.log(`MILLRACE_SEED=${seed}`)
    let events = 0
    let revenueThousandths = 0n
    async function* part(): AsyncGenerator<RetailBatch> {
      for await (const batch of retailBatches(sampleFile(), { eventsPerBatch: 50, times: 1 })) {
        if (events >= 20_000) return
        events += batch.events
        revenueThousandths += batch.revenueThousandths
        yield batch
        // Paced over all the kills; a body that was refused or cut off goes again, unchanged.
        await new Promise((resolve) => setTimeout(resolve, 15))
      }
    }
    const sender = new BatchSender({ url: () => collector.url, writeKey: testKeys.writeKey, connections: 4 })
    const killing = killAtRandom(collector, { kills: 6, seed, pauseMs: [300, 1_500] })
    await sender.sendAll(part())
    console.log((await killing).join(', '), `${sender.counts.repeats} requests sent again`)
    sender.close()
    const status = await untilAtRest(() => collector.url, testKeys.secretKey, { accepted: events, withinMs: 60_000 })
    expect(status.agree).toBe(true)
    expect(status.totals).toMatchObject({ stored: events, archived: events, loaded: events, dropped: { quarantined: 0 } })
    const control = await connectControl(data)
    const answer = await control?.call('sql', { sql: 'select count(), uniqExact(message_id), toInt64(sum(value) * 1000) from events', format: 'TSV' })
    expect(String(answer).trim()).toBe(`${events}\t${events}\t${revenueThousandths}`)
  }, 120_000)
})
