import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { retailBatches, type RetailBatch } from '../../bench/spine/retail-batches.ts'
import { connectControl } from '../src/control-client.ts'
import { sampleFile } from '../src/demo/sample-file.ts'
import { BatchSender } from './batch-sender.ts'
import { CollectorProcess, testKeys } from './collector-process.ts'
import { untilAtRest } from './read-side.ts'

export interface SharedEngines {
  /** Flags of `serve` that name log, OLTP and objects. */
  readonly flags: readonly string[]
  cleanup(): Promise<void>
}

const events = 15_000
const delays = ['--object-delay-ms', '300', '--load-delay-ms', '100']

/** One process with edge, load and query, three with the pump role: one is killed, one is paused and wakes up late. */
export function scaleOut(name: string, engines: () => Promise<SharedEngines>): void {
  describe(`three pumps: ${name}`, () => {
    const data = ['front', 'a', 'b', 'c'].map((part) => mkdtempSync(join(tmpdir(), `millrace-scale-${part}-`)))
    let made: SharedEngines
    let front: CollectorProcess
    let pumps: readonly CollectorProcess[] = []

    beforeAll(async () => {
      made = await engines()
      front = new CollectorProcess(data[0] ?? '', ['--roles', 'edge,load,query', ...delays, ...made.flags])
      await front.start()
      pumps = data.slice(1).map((directory) => new CollectorProcess(directory, ['--roles', 'pump', ...delays, ...made.flags]))
      for (const pump of pumps) await pump.start()
    })

    afterAll(async () => {
      for (const pump of pumps) await pump.stop()
      await front.stop()
      await made.cleanup()
      for (const directory of data) rmSync(directory, { recursive: true })
    })

    it('lose and double nothing when one is killed and a paused one wakes up', async () => {
      let revenueThousandths = 0n
      let sent = 0
      async function* part(): AsyncGenerator<RetailBatch> {
        for await (const batch of retailBatches(sampleFile(), { eventsPerBatch: 50, times: 1 })) {
          if (sent >= events) return
          sent += batch.events
          revenueThousandths += batch.revenueThousandths
          yield batch
          await new Promise((resolve) => setTimeout(resolve, 40))
        }
      }
      const [a, b] = pumps
      const sender = new BatchSender({ url: () => front.url, writeKey: testKeys.writeKey, connections: 4 })
      const sending = sender.sendAll(part())
      await pause(1_500)
      a?.signal('SIGSTOP')
      await b?.kill('collector')
      const deadAt = performance.now()
      // Longer than the others wait for a heartbeat: by then its partitions are theirs.
      await pause(9_000)
      a?.signal('SIGCONT')
      await sending
      sender.close()
      const status = await untilAtRest(() => front.url, testKeys.secretKey, { accepted: sent, withinMs: 60_000 })
      console.log(`at rest ${Math.round(performance.now() - deadAt)} ms after the kill`)
      expect(status.totals).toMatchObject({ stored: sent, archived: sent, loaded: sent, dropped: { quarantined: 0 } })
      const control = await connectControl(data[0] ?? '')
      const answer = await control?.call('sql', { sql: 'select count(), uniqExact(message_id), toInt64(sum(value) * 1000) from events', format: 'TSV' })
      expect(String(answer).trim()).toBe(`${sent}\t${sent}\t${revenueThousandths}`)
    })
  })
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
