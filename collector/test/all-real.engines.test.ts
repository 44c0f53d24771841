import { afterAll, it } from 'vitest'
import { startKafka } from '../../scripts/engines/kafka.ts'
import { startMysql } from '../../scripts/engines/mysql.ts'
import { startPulsar } from '../../scripts/engines/pulsar.ts'
import { startRedis } from '../../scripts/engines/redis.ts'
import type { MissingEngine, StartedEngine } from '../../scripts/engines/started-engine.ts'
import { startVersitygw, versitygwAccount } from '../../scripts/engines/versitygw.ts'
import { engineKills } from './engine-kills.ts'
import { ownPlace } from './own-place.ts'
import { scaleOut } from './scale-out.ts'
import { wholePath } from './whole-path.ts'

process.env['AWS_ACCESS_KEY_ID'] = versitygwAccount.accessKeyId
process.env['AWS_SECRET_ACCESS_KEY'] = versitygwAccount.secretAccessKey

const olapUrl = process.env['MILLRACE_TEST_OLAP_URL']
const olap = olapUrl === undefined
  ? { flags: [], name: 'ClickHouse embedded, since MILLRACE_TEST_OLAP_URL names no server' }
  : { flags: ['--olap-url', olapUrl], name: 'ClickHouse by URL' }

const shared = [
  { flag: '--oltp-url', engine: await startMysql() },
  { flag: '--objects-url', engine: await startVersitygw() },
  { flag: '--cache-url', engine: await startRedis() },
]
const logs: Readonly<Record<string, StartedEngine | MissingEngine>> = { 'Kafka': await startKafka(), 'Pulsar by WebSocket': await startPulsar() }

for (const [name, log] of Object.entries(logs)) {
  const engines = [{ flag: '--log-url', engine: log }, ...shared]
  const missing = engines.flatMap(({ engine }) => ('missing' in engine ? [engine.missing] : []))
  if (missing.length > 0) {
    it.skip(`all real engines with ${name}: ${missing.join('; ')}`, () => {})
    continue
  }
  const flags = (): readonly string[] => [
    '--partitions', '8', ...engines.flatMap(({ flag, engine }) => ('missing' in engine ? [] : [flag, ownPlace(engine.url)])),
  ]
  const nothing = async (): Promise<void> => {}
  wholePath(`all real with ${name}, ${olap.name}`, async () => ({ flags: [...flags(), ...olap.flags], cleanup: nothing }))
  scaleOut(`all real with ${name}`, async () => ({ flags: flags(), cleanup: nothing }))
  engineKills(`all real with ${name}`, () => ({
    flags: flags(), engines: engines.flatMap(({ flag, engine }) => ('missing' in engine ? [] : [{ name: flag, engine }])),
  }))
}

afterAll(async () => {
  for (const engine of [...Object.values(logs), ...shared.map((one) => one.engine)]) if (!('missing' in engine)) await engine.stop()
})
