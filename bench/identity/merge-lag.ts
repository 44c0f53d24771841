import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { CollectorProcess, testKeys } from '../../collector/test/collector-process.ts'
import { readJson } from '../../collector/test/read-side.ts'
import { connectControl } from '../../collector/src/control-client.ts'
import { quantile } from '../spine/latency.ts'

/** Merges, one after another, from the acknowledgement of the event that joins two people to both being one in the profile, and in ClickHouse. */
export async function mergeLag(merges: number): Promise<readonly string[]> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-merges-'))
  const data = join(directory, 'data')
  const collector = new CollectorProcess(data)
  try {
    await collector.start()
    const control = await connectControl(data)
    const sql = async (text: string): Promise<string> => String(await control?.call('sql', { sql: text, format: 'TSV' })).trim()
    const send = async (batch: readonly unknown[]): Promise<void> => {
      const response = await fetch(`${collector.url}/v1/batch`, {
        method: 'POST', body: JSON.stringify({ batch }), headers: { authorization: `Basic ${Buffer.from(`${testKeys.writeKey}:`).toString('base64')}` },
      })
      if (response.status !== 200) throw new Error(`the collector answered ${response.status}`)
    }
    const numbers = Array.from({ length: merges }, (_, number) => number)
    await send(numbers.flatMap((number) => [
      { type: 'track', event: 'Product Viewed', messageId: `a${number}`, context: { traits: { email: `guest-${number}@example.com` } } },
      { type: 'track', event: 'Product Viewed', messageId: `b${number}`, anonymousId: `visitor-${number}` },
    ]))
    while (await sql('select count() from events') !== String(2 * merges)) await sleep(50)
    const [profileMs, olapMs]: [number[], number[]] = [[], []]
    const idOf = async (query: string): Promise<unknown> => Reflect.get(Object(Reflect.get(Object((await readJson(collector.url, `/v1/profiles?${query}`, testKeys.secretKey)).body), 'profile')), 'id')
    for (const number of numbers) {
      await send([{ type: 'track', event: 'Order Completed', messageId: `m${number}`, anonymousId: `visitor-${number}`, context: { traits: { email: `guest-${number}@example.com` } } }])
      const acknowledged = performance.now()
      while (await idOf(`email=guest-${number}@example.com`) !== await idOf(`anonymousId=visitor-${number}`)) await sleep(5)
      profileMs.push(performance.now() - acknowledged)
      while (await sql(`select uniqExact(profile_id) from events where message_id in ('a${number}', 'b${number}')`) !== '1') await sleep(20)
      olapMs.push(performance.now() - acknowledged)
    }
    const shown = (values: readonly number[]): string => `p50 ${quantile(values, 0.5).toFixed(0)} ms, p99 ${quantile(values, 0.99).toFixed(0)} ms, max ${Math.max(...values).toFixed(0)} ms`
    return [`${merges} merges, all engines embedded, from the acknowledgement of the joining event`, `  in the profile ${shown(profileMs)}`, `  in ClickHouse  ${shown(olapMs)} (goal: under 3,000)`]
  } finally {
    await collector.stop()
    rmSync(directory, { recursive: true })
  }
}
