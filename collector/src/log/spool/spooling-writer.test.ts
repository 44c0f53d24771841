import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../platform/clock.ts'
import { MillraceError } from '../../platform/errors.ts'
import { armFailPoints } from '../../platform/fail-point.ts'
import type { LogPosition, LogReadiness, LogWriter } from '../../ports/log.ts'
import { openLogReader, openLogWriter } from '../embedded/embedded-log.ts'
import { ReopeningWriter } from './reopening-writer.ts'
import { SpoolingWriter } from './spooling-writer.ts'

/** A broker that is there or away, as the test wants; it keeps what it took. */
class FakeBroker implements LogWriter {
  readonly partitions = 2
  readonly taken: string[][] = [[], []]
  mode: 'up' | 'down' | 'hangs' = 'up'

  async append(partition: number, payload: Uint8Array): Promise<LogPosition | null> {
    if (this.mode === 'down') throw new MillraceError('log_failed', 'connection refused', { retryable: true })
    if (this.mode === 'hangs') return new Promise(() => {})
    this.taken[partition]?.push(Buffer.from(payload).toString())
    return null
  }

  readiness(): LogReadiness {
    return this.mode === 'up' ? { ready: true } : { ready: false, reason: 'connection refused' }
  }

  async trim(): Promise<boolean> {
    return true
  }

  pendingBytes(): number {
    return 0
  }

  async close(): Promise<void> {}
}

let directory = ''
let broker = new FakeBroker()
const open: SpoolingWriter[] = []

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-spool-'))
  broker = new FakeBroker()
})

afterEach(async () => {
  await Promise.all(open.splice(0).map((writer) => writer.close()))
  rmSync(directory, { recursive: true })
})

async function start(bytesMax = 10_000): Promise<SpoolingWriter> {
  const spool = await openLogWriter({ directory, partitions: 2, notBefore: null, clock: systemClock, retentionMs: 0 })
  const reader = await openLogReader({ directory, clock: systemClock })
  const writer = await SpoolingWriter.open({ broker, spool, reader, clock: systemClock, report: () => {} }, { bytesMax, brokerTimeoutMs: 50 })
  open.push(writer)
  return writer
}

function append(writer: LogWriter, text: string, partition = 0): Promise<LogPosition | null> {
  return writer.append(partition, Buffer.from(text), 1)
}

async function forwarded(writer: SpoolingWriter): Promise<void> {
  while (writer.readiness().storedIn !== 'log') await new Promise((resolve) => setImmediate(resolve))
}

const texts = Array.from({ length: 30 }, (_, index) => `record ${index}`)

describe('SpoolingWriter', () => {
  it('goes straight to the broker while it is there', async () => {
    const writer = await start()
    for (const text of texts) await append(writer, text)
    expect(broker.taken[0]).toEqual(texts)
    expect(writer.readiness()).toEqual({ ready: true, storedIn: 'log' })
    expect(writer.spooledBytes).toBe(0)
  })

  it.each(['down', 'hangs'] as const)('keeps what comes while the broker is %s and forwards it in order, before what comes later', async (mode) => {
    const writer = await start()
    await append(writer, texts[0] ?? '')
    broker.mode = mode
    for (const text of texts.slice(1, 20)) await append(writer, text)
    expect(writer.readiness()).toEqual({ ready: true, storedIn: 'spool' })
    expect(writer.spooledBytes).toBeGreaterThan(100)
    await append(writer, 'other partition', 1)
    broker.mode = 'up'
    for (const text of texts.slice(20)) await append(writer, text)
    await forwarded(writer)
    expect(broker.taken).toEqual([texts, ['other partition']])
    expect(writer.spooledBytes).toBe(0)
  })

  it('forwards after a restart what an earlier process left, once', async () => {
    const first = await start()
    broker.mode = 'down'
    for (const text of texts) await append(first, text)
    await first.close()
    const second = await start()
    expect(second.spooledBytes).toBe(texts.join('').length)
    expect(second.readiness().storedIn).toBe('spool')
    broker.mode = 'up'
    await append(second, 'after')
    await forwarded(second)
    expect(broker.taken[0]).toEqual([...texts, 'after'])
    await second.close()
    const third = await start()
    expect(third.spooledBytes).toBe(0)
    expect(third.readiness().storedIn).toBe('log')
  })

  it('refuses what passes its bound, says so, and recovers', async () => {
    const writer = await start(100)
    broker.mode = 'down'
    const results = await Promise.allSettled(texts.map((text) => append(writer, text)))
    const refused = results.filter(({ status }) => status === 'rejected')
    expect(refused.length).toBeGreaterThan(10)
    expect(refused[0]).toMatchObject({ reason: { code: 'log_full', retryable: true } })
    broker.mode = 'up'
    await forwarded(writer)
    await append(writer, 'room again')
    expect(broker.taken[0]).toHaveLength(texts.length - refused.length + 1)
  })
})

describe('SpoolingWriter at its fail-points', () => {
  afterEach(() => armFailPoints({}))

  it.each([
    'spool.append=throw@3', 'spool.append=outcome-unknown@3', 'spool.forward=throw@2', 'spool.forward=outcome-unknown@2', 'spool.forward=twice@2',
    'spool.acknowledge=throw@1', 'spool.acknowledge=outcome-unknown@1', 'spool.acknowledge=twice@1',
  ])('loses nothing and goes back to the broker with %s', async (arm) => {
    const journal = join(directory, 'journal')
    mkdirSync(journal)
    const writer = await start()
    armFailPoints({ MILLRACE_FAIL_POINTS: arm, MILLRACE_FAIL_POINTS_JOURNAL: journal })
    broker.mode = 'down'
    const refused: string[] = []
    for (const text of texts) await append(writer, text).catch(() => refused.push(text))
    expect(refused).toEqual(arm.startsWith('spool.append') ? [texts[2]] : [])
    broker.mode = 'up'
    await forwarded(writer)
    // Whoever was refused sends again, as every client does.
    for (const text of refused) await append(writer, text)
    await forwarded(writer)
    expect(readdirSync(journal)).toContain(`fired-${arm}`)
    const repeats = /^spool\.(?:append=outcome|forward=(?:outcome|twice)|acknowledge=throw)/.test(arm)
    expect(new Set(broker.taken[0])).toEqual(new Set(texts))
    if (!repeats) expect(broker.taken[0]?.length).toBe(texts.length)
    expect(writer.spooledBytes).toBe(0)
    // What is acknowledged late is forwarded again, which deciding drops; nothing is left for ever.
    await writer.close()
    await forwarded(await start())
  })
})

describe('ReopeningWriter', () => {
  it('refuses until the broker is there, then writes', async () => {
    let there = false
    const waits: (() => void)[] = []
    const clock = { now: () => 0, elapsed: () => 0, sleep: () => new Promise<void>((resolve) => { waits.push(resolve) }) }
    const writer = await ReopeningWriter.start({
      partitions: 2, clock,
      open: async () => {
        if (!there) throw new MillraceError('unavailable', 'nobody at broker:9092', { retryable: true })
        return broker
      },
    })
    expect(writer.readiness()).toEqual({ ready: false, reason: 'nobody at broker:9092' })
    await expect(append(writer, 'early')).rejects.toMatchObject({ code: 'unavailable' })
    there = true
    while (!writer.readiness().ready) {
      waits.shift()?.()
      await new Promise((resolve) => setImmediate(resolve))
    }
    await append(writer, 'now')
    expect(broker.taken[0]).toEqual(['now'])
  })

  it('fails the start where waiting cannot help', async () => {
    const wrong = async (): Promise<LogWriter> => {
      throw new MillraceError('bad_config', 'the password is wrong')
    }
    await expect(ReopeningWriter.start({ partitions: 2, clock: systemClock, open: wrong })).rejects.toMatchObject({ code: 'bad_config' })
  })
})
