import { randomUUID } from 'node:crypto'
import { it } from 'vitest'
import { startMemcached } from '../../scripts/engines/memcached.ts'
import { startRedis } from '../../scripts/engines/redis.ts'
import type { MissingEngine, StartedEngine } from '../../scripts/engines/started-engine.ts'
import { startVersitygw, versitygwAccount } from '../../scripts/engines/versitygw.ts'
import { wholePathSegments } from './whole-path-segments.ts'
import { wholePath } from './whole-path.ts'

type Start = () => Promise<StartedEngine | MissingEngine>

/** Each engine swapped in alone, then as many at once as there are; ClickHouse stays the embedded one. */
const swaps: Readonly<Record<string, { readonly flag: string; readonly start: Start }>> = {
  's3': { flag: '--objects-url', start: startVersitygw },
  'redis': { flag: '--cache-url', start: startRedis },
  'memcached': { flag: '--cache-url', start: startMemcached },
}

process.env['AWS_ACCESS_KEY_ID'] = versitygwAccount.accessKeyId
process.env['AWS_SECRET_ACCESS_KEY'] = versitygwAccount.secretAccessKey

for (const [name, { flag, start }] of Object.entries(swaps)) {
  const engine = await start()
  if ('missing' in engine) it.skip(`the whole path with ${name}: ${engine.missing}`, () => {})
  else {
    wholePathSegments(`${name} swapped in`, async () => ({ flags: [flag, ofItsOwn(engine.url)], cleanup: async () => {} }))
    wholePath(`${name} swapped in`, async () => ({ flags: [flag, ofItsOwn(engine.url)], cleanup: () => engine.stop() }))
  }
}

/** A place of its own in an engine that others use too. */
function ofItsOwn(url: string): string {
  return url.startsWith('s3:') ? url.replace(/(s3:\/\/[^/?]+)/, `$1/${randomUUID()}`) : url
}
