import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connectControl } from '../../collector/src/control-client.ts'
import { CollectorProcess, testKeys } from '../../collector/test/collector-process.ts'
import { historyOf, type LiveCustomer, liveCustomers } from '../../collector/test/history-under-live.ts'
import { readJson, untilAtRest } from '../../collector/test/read-side.ts'
import { quantile } from '../spine/latency.ts'

const program = new URL('../../collector/src/main.ts', import.meta.url).pathname
const writeKey = `Basic ${Buffer.from(`${testKeys.writeKey}:`).toString('base64')}`
const sampled = 2_000

/** A file of an old order each, imported under so many people who are there: what becomes of their ids, and of reads meanwhile. */
export async function importUnderLive(count: number): Promise<readonly string[]> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-import-live-'))
  const data = join(directory, 'data')
  const collector = new CollectorProcess(data)
  try {
    await collector.start()
    const customers = liveCustomers(count)
    await sendAll(collector.url, customers)
    await untilAtRest(() => collector.url, testKeys.secretKey, { accepted: count, withinMs: 600_000 })
    const idOf = async (path: string): Promise<unknown> => Reflect.get(Object(Reflect.get(Object((await readJson(collector.url, `/v1/profiles${path}`, testKeys.secretKey)).body), 'profile')), 'id')
    const sample = customers.filter(({ number }) => number % Math.ceil(count / sampled) < 4)
    const before = new Map<number, unknown>()
    for (const { number, query } of sample) before.set(number, await idOf(`?${query}`))
    const alone = await reads(sample, idOf, async () => sleep(4_000))
    const { csv, orders } = historyOf(count, 1)
    const path = join(directory, 'orders.csv')
    writeFileSync(path, csv)
    const begin = performance.now()
    const during = await reads(sample, idOf, async () => {
      const child = spawn(process.execPath, [program, 'import', path, '--data', data], { stdio: ['ignore', 'ignore', 'inherit'] })
      await once(child, 'exit')
    })
    const seconds = (performance.now() - begin) / 1_000
    const status = await untilAtRest(() => collector.url, testKeys.secretKey, { accepted: count + orders, withinMs: 600_000 })
    let [renamed, lost] = [0, 0]
    for (const { number, query, fortune } of sample) {
      const now = await idOf(`?${query}`)
      if (fortune !== 'is merged' && now !== before.get(number)) renamed += 1
      if (await idOf(`/${String(before.get(number))}`) !== now) lost += 1
    }
    const control = await connectControl(data)
    const answers = async (): Promise<string> => String(await control?.call('sql', { sql: 'select count(), uniqExact(profile_id), sum(cityHash64(message_id, profile_id)) from events', format: 'TSV' })).trim()
    const live = await answers()
    await control?.call('rebuildOlap', {})
    const same = await answers() === live
    const ratio = quantile(during, 0.5) / quantile(alone, 0.5)
    return [
      `${orders.toLocaleString('en')} old orders imported under ${count.toLocaleString('en')} live people in ${seconds.toFixed(1)} s, tiers ${status.agree ? 'agree' : 'DISAGREE'}`,
      `  of ${sample.length} people ${renamed} neither merged nor parted and were renamed, ${lost} whose old id does not lead to where they are now (goal: 0 and 0)`,
      `  read of a profile alone p50 ${quantile(alone, 0.5).toFixed(1)} ms, p95 ${quantile(alone, 0.95).toFixed(1)} ms; meanwhile p50 ${quantile(during, 0.5).toFixed(1)} ms, p95 ${quantile(during, 0.95).toFixed(1)} ms: ${ratio.toFixed(2)} times (goal: 1.5)`,
      `  ClickHouse after a rebuild answers ${same ? 'the same' : 'DIFFERENTLY'} (${live.replaceAll('\t', ' ')})`,
    ]
  } finally {
    await collector.stop()
    rmSync(directory, { recursive: true })
  }
}

async function sendAll(url: string, customers: readonly LiveCustomer[]): Promise<void> {
  for (let from = 0; from < customers.length; from += 1_000) {
    const body = JSON.stringify({ batch: customers.slice(from, from + 1_000).map(({ event }) => event) })
    const response = await fetch(`${url}/v1/batch`, { method: 'POST', body, headers: { authorization: writeKey } })
    if (response.status !== 200) throw new Error(`the collector answered ${response.status}`)
    await response.arrayBuffer()
  }
}

/** Times of reads of profiles, fifty a second, for as long as something else goes on. */
async function reads(sample: readonly LiveCustomer[], idOf: (path: string) => Promise<unknown>, meanwhile: () => Promise<void>): Promise<readonly number[]> {
  const times: number[] = []
  let goesOn = true
  const reading = (async () => {
    for (let at = 0; goesOn; at += 1) {
      const begin = performance.now()
      await idOf(`?${sample[(at * 7) % sample.length]?.query ?? ''}`)
      times.push(performance.now() - begin)
      await sleep(20)
    }
  })()
  await meanwhile()
  goesOn = false
  await reading
  return times
}
