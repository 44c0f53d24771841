/**
 * The whole path on real engines, all at once: a retail file over HTTP until every tier has every event, with the engines
 * started here and removed after. `--log kafka|pulsar|pulsar-native|file`, `--oltp mysql|mariadb|sqlite` choose; S3 and Redis are
 * always there, ClickHouse is the embedded engine unless `--olap URL` names a server. `--engine-kills` kills each engine with SIGKILL in the middle
 * of the run and starts it again, one after another; the other arguments are those of `pnpm bench spine`.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { CollectorProcess } from '../collector/test/collector-process.ts'
import { startNativePulsar } from '../collector/test/native-pulsar.ts'
import { ownPlace } from '../collector/test/own-place.ts'
import { startKafka } from '../scripts/engines/kafka.ts'
import { startMariadb } from '../scripts/engines/mariadb.ts'
import { startMysql } from '../scripts/engines/mysql.ts'
import { startPulsar } from '../scripts/engines/pulsar.ts'
import { startRedis } from '../scripts/engines/redis.ts'
import type { MissingEngine, StartedEngine } from '../scripts/engines/started-engine.ts'
import { startVersitygw, versitygwAccount } from '../scripts/engines/versitygw.ts'
import { runSpine } from './spine/run-spine.ts'
import { spineFlags } from './spine/spine-flags.ts'

interface Choice {
  readonly flag: string
  start(): Promise<StartedEngine | MissingEngine>
}

/** Down for this long, then everything has this long to get over it before the next one goes. */
const downMs = 3_000
const recoverMs = 5_000

const logs: Readonly<Record<string, Choice | null>> = {
  'kafka': { flag: '--log-url', start: startKafka }, 'pulsar': { flag: '--log-url', start: startPulsar },
  'pulsar-native': { flag: '--log-url', start: startNativePulsar }, 'file': null,
}
const databases: Readonly<Record<string, Choice | null>> = {
  mysql: { flag: '--oltp-url', start: startMysql }, mariadb: { flag: '--oltp-url', start: startMariadb }, sqlite: null,
}

const { values, options } = spineFlags({ log: { type: 'string', default: 'kafka' }, oltp: { type: 'string', default: 'mysql' }, olap: { type: 'string' }, 'engine-kills': { type: 'boolean', default: false } })
process.env['AWS_ACCESS_KEY_ID'] = versitygwAccount.accessKeyId
process.env['AWS_SECRET_ACCESS_KEY'] = versitygwAccount.secretAccessKey

const chosen: Readonly<Record<string, Choice | null>> = {
  log: pick(logs, values['log']), oltp: pick(databases, values['oltp']),
  objects: { flag: '--objects-url', start: startVersitygw }, cache: { flag: '--cache-url', start: startRedis },
}
const engines = new Map<string, StartedEngine>()
const collectorFlags: string[] = []
try {
  for (const [name, choice] of Object.entries(chosen)) {
    if (choice === null) continue
    const engine = await choice.start()
    if ('missing' in engine) throw new Error(`${name}: ${engine.missing}`)
    engines.set(name, engine)
    collectorFlags.push(choice.flag, ownPlace(engine.url))
  }
  if (typeof values['olap'] === 'string') collectorFlags.push('--olap-url', values['olap'])
  console.log(`engines          ${[...engines].map(([name, { url }]) => `${name} ${url.split(':')[0] ?? ''}`).join(', ')}, ${typeof values['olap'] === 'string' ? 'ClickHouse by URL' : 'ClickHouse embedded: no server was named'}`)
  await runSpine({ ...options, collectorFlags, ...(values['engine-kills'] === true ? { disturb: killEach } : {}) })
} finally {
  for (const engine of engines.values()) await engine.stop()
}

function pick(choices: Readonly<Record<string, Choice | null>>, name: unknown): Choice | null {
  const choice = choices[String(name)]
  if (choice === undefined) throw new Error(`${String(name)} is none of ${Object.keys(choices).join(', ')}`)
  return choice
}

async function killEach(collector: CollectorProcess): Promise<readonly string[]> {
  const begin = performance.now()
  const done: string[] = []
  await sleep(recoverMs)
  for (const [name, engine] of engines) {
    await engine.kill()
    done.push(`${name} at ${Math.round(performance.now() - begin)} ms`)
    await sleep(downMs)
    await engine.restart()
    await sleep(recoverMs)
  }
  // The embedded ClickHouse is started again by the collector itself.
  await collector.kill('engine')
  return [...done, `ClickHouse at ${Math.round(performance.now() - begin)} ms`]
}
