import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  checkBrokerLog, composeBareLogWriter, composeCache, composeEngine, composeLogReader, composeObjects, composeOlap, composeOltp, olapAddress,
} from './compose.ts'
import type { Config } from './config.ts'
import { systemClock } from './platform/clock.ts'
import { hasCode, MillraceError, messageOf } from './platform/errors.ts'
import { createLogger } from './platform/logger.ts'
import type { Oltp } from './ports/oltp.ts'

const silent = createLogger('error', () => {}, () => Date.now())

/** A check of one thing: resolves with what was found, rejects with what to fix. */
export interface EngineCheck {
  readonly name: string
  run(): Promise<string>
}

/**
 * Tries each engine of a stopped collector's configuration for real, in a scratch directory of its own where the
 * engine is embedded: what is checked is that they do here what exactly-once hangs on.
 */
export function engineChecks(config: Config): readonly EngineCheck[] {
  return [
    { name: 'log', run: () => inScratch(config, checkLog) },
    { name: 'OLTP', run: () => inScratch(config, checkOltp) },
    { name: 'OLAP', run: () => inScratch(config, checkOlap) },
    { name: 'objects', run: () => inScratch(config, checkObjects) },
    { name: 'cache', run: () => checkCache(config) },
  ]
}

async function inScratch(config: Config, work: (scratch: Config) => Promise<string>): Promise<string> {
  const data = mkdtempSync(join(tmpdir(), 'millrace-doctor-'))
  try {
    return await work({ ...config, data })
  } finally {
    rmSync(data, { recursive: true, force: true })
  }
}

/** An append is durable and read back, by a reader that opens the log anew. */
async function checkLog(config: Config): Promise<string> {
  const found = await checkBrokerLog(config, systemClock)
  if (found !== null) return found
  const writer = await composeBareLogWriter(config, { clock: systemClock, notBefore: null })
  try {
    if (!config.logUrl.startsWith('file:')) return await checkBroker(config)
    const begin = performance.now()
    await writer.append(0, Buffer.from('doctor'), 1)
    const tookMs = performance.now() - begin
    const reader = await composeLogReader(config, systemClock)
    try {
      const cursor = await reader.open(0, null)
      const [record] = await cursor.next({ maxRecords: 1, maxBytes: 1_024, waitMs: 5_000 })
      if (record === undefined || Buffer.from(record.payload).toString() !== 'doctor') throw new MillraceError('log_failed', 'a synced record did not come back')
    } finally {
      await reader.close()
    }
    return `an append was durable after ${tookMs.toFixed(1)} ms and read back`
  } finally {
    await writer.close()
  }
}

/** The topic is the real one, so nothing is appended: opening made it, or found it as it has to be. */
async function checkBroker(config: Config): Promise<string> {
  const reader = await composeLogReader(config, systemClock)
  try {
    const heads = await reader.heads()
    const cursor = await reader.open(0, null)
    await cursor.next({ maxRecords: 1, maxBytes: 1_024, waitMs: 0 })
    return `a topic of ${heads.length} partitions, opened for writing and read; nothing was appended to it`
  } finally {
    await reader.close()
  }
}

/** Other processes may be using the same database: nobody owns a partition of this number, and no status counts it. */
const scratchPartition = -1

/** A pump that was overtaken must not commit: else two would decide the same events. */
async function checkOltp(config: Config): Promise<string> {
  const oltp = await composeOltp(config)
  try {
    await oltp.migrate()
    const old = await oltp.claimPartition(scratchPartition, 'pump')
    const owner = await oltp.claimPartition(scratchPartition, 'pump')
    if (await commits(oltp, old.fence)) throw new MillraceError('internal', 'an overtaken owner could still commit: the database does not fence')
    if (!(await commits(oltp, owner.fence))) throw new MillraceError('internal', 'the owner of a partition cannot commit')
    return 'an overtaken owner is fenced off, the owner commits'
  } finally {
    await oltp.close()
  }
}

async function commits(oltp: Oltp, fence: Parameters<Oltp['decide']>[0]): Promise<boolean> {
  try {
    await oltp.decide(fence, async () => undefined)
    return true
  } catch (error) {
    if (hasCode(error, 'epoch_lost')) return false
    throw error
  }
}

async function checkOlap(config: Config): Promise<string> {
  const engine = await composeEngine(config, systemClock, silent)
  const olap = composeOlap(olapAddress(config, engine))
  try {
    await olap.prepare()
    const version = (await olap.query({ sql: 'select version()', format: 'TSV' })).trim()
    return `ClickHouse ${version}${engine === null ? '' : ', embedded'}: an insert done twice is stored once`
  } finally {
    await olap.close()
    await engine?.stop()
  }
}

async function checkObjects(config: Config): Promise<string> {
  const objects = await composeObjects(config)
  const name = 'doctor/probe'
  try {
    await objects.put(name, Buffer.from('doctor'))
    const bytes = await objects.get(name)
    if (bytes === null || Buffer.from(bytes).toString() !== 'doctor') throw new MillraceError('unavailable', 'an object that was put cannot be read')
    await objects.delete(name)
    return 'an object was put, read and removed'
  } finally {
    await objects.close()
  }
}

async function checkCache(config: Config): Promise<string> {
  const cache = await composeCache(config)
  const key = 'doctor/probe'
  try {
    await cache.put(new Map([[key, { version: 2, value: 'new' }]]))
    await cache.put(new Map([[key, { version: 1, value: 'old' }]]))
    const value = (await cache.get([key])).get(key)?.value
    if (value !== 'new') throw new MillraceError('unavailable', `an older value replaced a newer one: ${messageOf(value)}`)
    return 'an older value never replaces a newer one'
  } finally {
    await cache.close()
  }
}
