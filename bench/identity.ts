/**
 * What identity costs, the goal beside each figure: the solver alone, the decide stage on SQLite, one event's cost by how many
 * people are stored, the time until ClickHouse shows a merge, and history imported under live people.
 * `--part solver|decide|stored|merge|import` (all but the last two unless told), `--stored N` people for `stored` (200,000; the
 * goal names 1,000,000) in batches of `--batch N` (1,000), `--merges N` (60), `--live N` people for `import` (100,000).
 */
import { parseArgs } from 'node:util'
import { decideCosts, storedCosts } from './identity/decide-costs.ts'
import { importUnderLive } from './identity/import-under-live.ts'
import { mergeLag } from './identity/merge-lag.ts'
import { solverCosts } from './identity/solver-costs.ts'

const { values } = parseArgs({
  args: process.argv.slice(2),
  options: {
    part: { type: 'string', multiple: true, default: ['solver', 'decide', 'stored'] }, stored: { type: 'string', default: '200000' },
    batch: { type: 'string', default: '1000' }, merges: { type: 'string', default: '60' }, live: { type: 'string', default: '100000' },
  },
})
const parts: Readonly<Record<string, () => Promise<readonly string[]>>> = {
  solver: solverCosts,
  decide: decideCosts,
  stored: () => storedCosts(Number(values.stored), Number(values.batch)),
  merge: () => mergeLag(Number(values.merges)),
  import: () => importUnderLive(Number(values.live)),
}
console.log(`Node ${process.version}`)
for (const name of values.part) {
  const part = parts[name]
  if (part === undefined) throw new Error(`there is no part ${name}: ${Object.keys(parts).join(', ')}`)
  console.log((await part()).join('\n'))
}
