import { setTimeout as sleep } from 'node:timers/promises'
import { connectControl } from '../../collector/src/control-client.ts'

/** Asks the OLAP of the collector that runs on the data directory; a line a row. */
export async function askOlap(data: string, sql: string, format = 'JSONCompactEachRow'): Promise<string> {
  const control = await connectControl(data)
  if (control === null) throw new Error('the collector has no control port')
  return String(await control.call('sql', { sql, format }))
}

/** Merges of what was loaded last take a core for themselves. */
export async function untilMerged(data: string): Promise<void> {
  while (Number(/\d+/.exec(await askOlap(data, 'select count() from system.merges'))?.[0]) > 0) await sleep(500)
}
