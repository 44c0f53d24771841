import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { retailBatches, type RetailBatch } from '../../bench/spine/retail-batches.ts'
import type { StartedEngine } from '../../scripts/engines/started-engine.ts'
import { connectControl } from '../src/control-client.ts'
import { sampleFile } from '../src/demo/sample-file.ts'
import { BatchSender } from './batch-sender.ts'
import { CollectorProcess, testKeys } from './collector-process.ts'
import { untilAtRest } from './read-side.ts'

export interface KillableEngines {
  readonly flags: readonly string[]
  readonly engines: readonly { readonly name: string; readonly engine: StartedEngine }[]
}

const downMs = 2_000
const upMs = 2_000

/** Every engine dies with kill -9 while events come, one after another, and is started again; nobody does anything else. */
export function engineKills(name: string, make: () => KillableEngines): void {
  describe(`kill -9 of each engine: ${name}`, () => {
    const data = mkdtempSync(join(tmpdir(), 'millrace-engine-kills-'))
    let made: KillableEngines
    let collector: CollectorProcess

    beforeAll(async () => {
      made = make()
      collector = new CollectorProcess(data, ['--object-delay-ms', '300', '--load-delay-ms', '100', ...made.flags])
      await collector.start()
    })

    afterAll(async () => {
      await collector.stop()
      rmSync(data, { recursive: true })
    })

    it('loses and doubles nothing, in any tier', async () => {
      let killing = true
      let events = 0
      let revenueThousandths = 0n
      async function* whileKilling(): AsyncGenerator<RetailBatch> {
        for await (const batch of retailBatches(sampleFile(), { eventsPerBatch: 50, times: 1 })) {
          if (!killing) return
          events += batch.events
          revenueThousandths += batch.revenueThousandths
          yield batch
          await pause(60)
        }
      }
      const sender = new BatchSender({ url: () => collector.url, writeKey: testKeys.writeKey, connections: 4 })
      const sending = sender.sendAll(whileKilling())
      for (const { engine } of made.engines) {
        await pause(upMs)
        await engine.kill()
        await pause(downMs)
        await engine.restart()
      }
      await collector.kill('engine')
      await pause(upMs)
      killing = false
      await sending
      sender.close()
      const status = await untilAtRest(() => collector.url, testKeys.secretKey, { accepted: events, withinMs: 60_000 })
      expect(status.agree).toBe(true)
      expect(status.totals).toMatchObject({ stored: events, archived: events, loaded: events, dropped: { quarantined: 0 } })
      const control = await connectControl(data)
      const answer = await control?.call('sql', { sql: 'select count(), uniqExact(message_id), toInt64(sum(value) * 1000) from events', format: 'TSV' })
      expect(String(answer).trim()).toBe(`${events}\t${events}\t${revenueThousandths}`)
    })
  })
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
