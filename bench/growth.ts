/**
 * What an event costs as a store on the embedded engines grows: processor time, bytes in each tier, and the time to be back after a kill -9 of
 * everything under load. `--data DIR` keeps the store (that of `pnpm bench reads` with the same numbers), `--events N,N` (1000000,10000000) are the sizes it is
 * measured at on its way, `--events-per-profile N` (10), `--sample N` (100000) events sent at each, `--seed S`;
 * `--history N` events that the store will have one day (the greatest size), `--fill-seconds N` ends a longer fill, with which the next run goes on.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { CollectorProcess } from '../collector/test/collector-process.ts'
import { FilledStore } from './fill/filled-store.ts'
import { measureGrowth } from './growth/measure-growth.ts'
import { type Figure, figureTable } from './reads/figure-table.ts'

const { values } = parseArgs({
  args: process.argv.slice(2),
  options: {
    data: { type: 'string' }, events: { type: 'string', default: '1000000,10000000' }, 'events-per-profile': { type: 'string', default: '10' },
    sample: { type: 'string', default: '100000' }, 'history': { type: 'string' }, 'fill-seconds': { type: 'string', default: '86400' }, seed: { type: 'string', default: '1' },
  },
})
if (values.data === undefined) throw new Error('--data DIR: where the filled store is kept')
const sizes = values.events.split(',').map(Number)
const plan = { events: Number(values.history ?? Math.max(...sizes)), eventsPerProfile: Number(values['events-per-profile']), seed: Number(values.seed) }
const directory = join(values.data, String(plan.events))
const store = new FilledStore(directory, plan)
const columns: (readonly Figure[])[] = []
for (const events of sizes) {
  const figures = await measuredAt(events)
  if (figures === null) break
  columns.push(figures)
}
if (columns.length > 0) console.log(figureTable(sizes.slice(0, columns.length), columns))

/** Figures of a size that the store has grown out of are those that were measured when it had it; null where it is not filled yet. */
async function measuredAt(events: number): Promise<readonly Figure[] | null> {
  const path = join(directory, `growth-${events}.json`)
  if (existsSync(path)) {
    const kept: readonly Figure[] = JSON.parse(readFileSync(path, 'utf8'))
    return kept
  }
  if (store.filled > events) throw new Error(`${directory} holds ${store.filled} events already: what ${events} cost can only be measured on the way`)
  const collector = new CollectorProcess(store.data)
  try {
    if (!await store.fill(collector, events, { secondsMax: Number(values['fill-seconds']), told: (text) => console.log(text) })) return null
    const figures = await measureGrowth(collector, { data: store.data, plan, stored: events, sample: Number(values.sample) })
    writeFileSync(path, JSON.stringify(figures))
    return figures
  } finally {
    await collector.stop()
  }
}
