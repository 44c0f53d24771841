/**
 * The Node SDK side by side with those of Segment, PostHog and RudderStack, at their defaults and tuned: a tight loop of
 * 200,000 events, 20,000 a second against a slow sink, an outage, closing; and the real collector killed ten times.
 * The others' packages are installed into a directory of their own. Arguments: names of scenarios (tight, paced, outage,
 * close, kills), all of them unless told; `--runs N` repeats the tight loop, its median counts; `--sdks millrace,posthog`
 * leaves the others out.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { build } from 'tsup'
import { measureClose } from './node-sdk/close.ts'
import { measureKills } from './node-sdk/kills.ts'
import { measureOutage } from './node-sdk/outage.ts'
import { measurePaced } from './node-sdk/paced.ts'
import type { Goal } from './node-sdk/scenario.ts'
import { measureTight } from './node-sdk/tight.ts'
import { peerPackages, variantNames } from './node-sdk/variants.ts'

const scenarios = { tight: measureTight, paced: measurePaced, outage: measureOutage, close: measureClose, kills: measureKills }

const { positionals, values } = parseArgs({ allowPositionals: true, options: { runs: { type: 'string', default: '1' }, sdks: { type: 'string', default: '' } } })
const unknown = positionals.filter((name) => !Object.keys(scenarios).includes(name))
if (unknown.length > 0) throw new Error(`there is no scenario ${unknown.join(', ')}; there are ${Object.keys(scenarios).join(', ')}`)

const peers = installPeers()
await buildSender(peers)
const variants = variantNames.filter((name) => values.sdks.split(',').some((start) => name.startsWith(start)))
const goals: Goal[] = []
for (const [name, measure] of Object.entries(scenarios)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue
  goals.push(...await measure({ peers, variants, runs: Number(values.runs) }))
}
console.log('\nGoals')
for (const { what, met } of goals) console.log(`${met ? 'met   ' : 'MISSED'} ${what}`)
process.exitCode = goals.every(({ met }) => met) ? 0 : 1

/** Under node_modules, so that no lockfile and no commit ever sees them. */
function installPeers(): string {
  const directory = join(import.meta.dirname, '../node_modules/.cache/millrace-bench/node-sdk')
  const names = Object.entries(peerPackages)
  if (names.every(([name]) => existsSync(join(directory, 'node_modules', name)))) return directory
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'package.json'), '{ "private": true, "type": "module" }')
  const words = ['install', '--no-audit', '--no-fund', '--no-save', ...names.map(([name, version]) => `${name}@${version}`)]
  const { status } = spawnSync('npm', words, { cwd: directory, stdio: 'inherit' })
  if (status !== 0) throw new Error('the packages of the other SDKs could not be installed')
  return directory
}

/** As a user runs the SDK: built, so that stripping its types costs no memory. The others come built as well. */
async function buildSender(directory: string): Promise<void> {
  await build({
    entry: [join(import.meta.dirname, 'node-sdk/sender.ts')], outDir: join(directory, 'built'), format: 'esm', target: 'node22', platform: 'node',
    noExternal: [/^@millrace\//], removeNodeProtocol: false, config: false, silent: true,
  })
}
