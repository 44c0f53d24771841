/**
 * Reads on the embedded engines, over stores of several sizes and what the greatest costs against the least. `--data DIR` keeps the stores, so
 * that they are filled once; `--events N,N` (100000,10000000), `--events-per-profile N` (10), `--per-second N` (2000) reads for
 * `--seconds N` (8) of each kind, `--seed S`; `--history N` where
 * the greatest store is one of `pnpm bench growth` that will have so many. Times are from the instant a read was due; the load comes from a process of its own.
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { CollectorProcess } from '../collector/test/collector-process.ts'
import { FilledStore } from './fill/filled-store.ts'
import { measureAnalytics } from './reads/measure-analytics.ts'
import { measurePeople } from './reads/measure-people.ts'
import { type Figure, figureTable } from './reads/figure-table.ts'

const { values } = parseArgs({
  args: process.argv.slice(2),
  options: {
    data: { type: 'string' }, events: { type: 'string', default: '100000,10000000' }, 'events-per-profile': { type: 'string', default: '10' },
    'per-second': { type: 'string', default: '2000' }, seconds: { type: 'string', default: '8' }, seed: { type: 'string', default: '1' },
    history: { type: 'string' },
  },
})
if (values.data === undefined) throw new Error('--data DIR: where the filled stores are kept')
const sizes = values.events.split(',').map(Number)
const columns: (readonly Figure[])[] = []
for (const events of sizes) columns.push(await measure(events))
console.log(figureTable(sizes, columns))

async function measure(events: number): Promise<readonly Figure[]> {
  const history = events === Math.max(...sizes) ? Number(values.history ?? events) : events
  const plan = { events: history, eventsPerProfile: Number(values['events-per-profile']), seed: Number(values.seed) }
  const store = new FilledStore(join(values.data ?? '', String(history)), plan)
  const collector = new CollectorProcess(store.data)
  try {
    await store.fill(collector, events, { secondsMax: Number.POSITIVE_INFINITY, told: (text) => console.log(text) })
    if (collector.processes().length === 0) await collector.start()
    const load = { perSecond: Number(values['per-second']), seconds: Number(values.seconds) }
    return [...await measurePeople(collector, { plan, events }, load), ...await measureAnalytics(collector, { data: store.data, plan, events })]
  } finally {
    await collector.stop()
  }
}
