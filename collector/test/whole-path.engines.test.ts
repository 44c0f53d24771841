import { it } from 'vitest'
import { startMariadb } from '../../scripts/engines/mariadb.ts'
import { startKafka } from '../../scripts/engines/kafka.ts'
import { startMemcached } from '../../scripts/engines/memcached.ts'
import { startMysql } from '../../scripts/engines/mysql.ts'
import { startPulsar } from '../../scripts/engines/pulsar.ts'
import { startRedis } from '../../scripts/engines/redis.ts'
import type { MissingEngine, StartedEngine } from '../../scripts/engines/started-engine.ts'
import { startVersitygw, versitygwAccount } from '../../scripts/engines/versitygw.ts'
import { ownPlace } from './own-place.ts'
import { startNativePulsar } from './native-pulsar.ts'
import { wholePathIdentity } from './whole-path-identity.ts'
import { wholePathSegments } from './whole-path-segments.ts'
import { wholePathSettings } from './whole-path-settings.ts'
import { wholePath } from './whole-path.ts'

type Start = () => Promise<StartedEngine | MissingEngine>

type Part = (name: string, place: () => Promise<{ readonly flags: readonly string[]; readonly cleanup: () => Promise<void> }>) => void

/** Each engine swapped in alone, with the parts of the path that ask something of it; all-real.engines.test.ts takes them together. */
const swaps: Readonly<Record<string, { readonly flag: string; readonly start: Start; readonly parts: readonly Part[] }>> = {
  'mysql': { flag: '--oltp-url', start: startMysql, parts: [wholePathSegments, wholePathIdentity, wholePathSettings] },
  'mariadb': { flag: '--oltp-url', start: startMariadb, parts: [wholePathSegments, wholePathIdentity, wholePathSettings] },
  'kafka': { flag: '--log-url', start: startKafka, parts: [wholePathSettings] },
  'pulsar by WebSocket': { flag: '--log-url', start: startPulsar, parts: [wholePathIdentity] },
  'pulsar by the native client': { flag: '--log-url', start: startNativePulsar, parts: [wholePathIdentity] },
  's3': { flag: '--objects-url', start: startVersitygw, parts: [] },
  'redis': { flag: '--cache-url', start: startRedis, parts: [wholePathIdentity] },
  'memcached': { flag: '--cache-url', start: startMemcached, parts: [] },
}

process.env['AWS_ACCESS_KEY_ID'] = versitygwAccount.accessKeyId
process.env['AWS_SECRET_ACCESS_KEY'] = versitygwAccount.secretAccessKey

for (const [name, { flag, start, parts }] of Object.entries(swaps)) {
  const engine = await start()
  if ('missing' in engine) it.skip(`the whole path with ${name}: ${engine.missing}`, () => {})
  else {
    for (const part of parts) part(`${name} swapped in`, async () => ({ flags: [flag, ownPlace(engine.url)], cleanup: async () => {} }))
    wholePath(`${name} swapped in`, async () => ({ flags: [flag, ownPlace(engine.url)], cleanup: () => engine.stop() }))
  }
}
