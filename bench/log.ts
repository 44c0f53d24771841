/**
 * Which store the embedded log should stand on: durable group commits of 25 KB records (50 events each) to own
 * segment files, to SQLite (WAL, synchronous=FULL) and to LMDB (synced commits). `pnpm bench log [records a turn]
 * [turns]`. All get the same records in groups of the same size, in turns in one process, so that a busy machine slows
 * each alike: what counts is the last column, the ratio to a bare file that is written and synced once a group.
 * CPU is the whole process's, since sync and commit run on other threads; `loop` is the part of the time in which the
 * event loop could serve nobody else. It works in a directory under the working directory, which it removes: a
 * temporary directory may be memory, where a sync is free.
 */
import { closeSync, fdatasync, mkdirSync, mkdtempSync, openSync, rmSync, write } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { promisify } from 'node:util'
import { open } from 'lmdb'
import { openLogWriter } from '../collector/src/log/embedded/embedded-log.ts'
import { systemClock } from '../collector/src/platform/clock.ts'

const eventsPerRecord = 50
const recordBytes = 25_000
const groupSizes = [1, 8, 64]

/** Stores records; `group` resolves when all of them are durable. */
interface Store {
  group(records: readonly Uint8Array[]): Promise<void>
  close(): Promise<void>
}

const stores: Readonly<Record<string, (directory: string) => Promise<Store>>> = {
  'bare file': openBareFile, 'own segments': openSegments, 'SQLite': openSqlite, 'LMDB': openLmdb,
}

async function openBareFile(directory: string): Promise<Store> {
  const file = openSync(join(directory, 'bare'), 'a')
  const append = promisify<number, Uint8Array, number>(write)
  return {
    group: async (records) => {
      await append(file, Buffer.concat(records))
      await promisify(fdatasync)(file)
    },
    close: async () => closeSync(file),
  }
}

async function openSegments(directory: string): Promise<Store> {
  const log = await openLogWriter({ directory, partitions: 4, notBefore: null, clock: systemClock, retentionMs: 0 })
  return {
    group: async (records) => {
      await Promise.all(records.map((record, index) => log.append(index % 4, record, eventsPerRecord)))
    },
    close: () => log.close(),
  }
}

async function openSqlite(directory: string): Promise<Store> {
  const database = new DatabaseSync(join(directory, 'log.sqlite'))
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 16384')
  database.exec('CREATE TABLE record (sequence INTEGER PRIMARY KEY, partition INTEGER NOT NULL, payload BLOB NOT NULL)')
  const insert = database.prepare('INSERT INTO record (partition, payload) VALUES (?, ?)')
  return {
    group: async (records) => {
      database.exec('BEGIN IMMEDIATE')
      records.forEach((record, index) => insert.run(index % 4, record))
      database.exec('COMMIT')
    },
    close: async () => database.close(),
  }
}

async function openLmdb(directory: string): Promise<Store> {
  const database = open<Uint8Array, number>({
    path: join(directory, 'log.mdb'), encoding: 'binary', keyEncoding: 'uint32', mapSize: 4 * 1024 ** 3,
    // One transaction a group, and its promise is that of the sync.
    overlappingSync: false, eventTurnBatching: false,
  })
  let sequence = 0
  return {
    group: async (records) => {
      await database.batch(() => {
        for (const record of records) void database.put(sequence += 1, record)
      })
      await database.flushed
    },
    close: () => database.close(),
  }
}

interface Measure {
  readonly seconds: number
  readonly cpuSeconds: number
  /** Part of the time in which the event loop was busy, 0 to 1. */
  readonly loopBusy: number
  readonly groupMs: readonly number[]
}

async function measure(store: Store, records: readonly Uint8Array[], groupSize: number): Promise<Measure> {
  const groupMs: number[] = []
  const cpu = process.cpuUsage()
  const loop = performance.eventLoopUtilization()
  const start = performance.now()
  for (let at = 0; at < records.length; at += groupSize) {
    const begin = performance.now()
    await store.group(records.slice(at, at + groupSize))
    groupMs.push(performance.now() - begin)
  }
  const { user, system } = process.cpuUsage(cpu)
  const loopBusy = performance.eventLoopUtilization(loop).utilization
  return { seconds: (performance.now() - start) / 1_000, cpuSeconds: (user + system) / 1e6, loopBusy, groupMs }
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0
}

function makeRecords(count: number): readonly Uint8Array[] {
  return Array.from({ length: count }, (_, index) => Buffer.alloc(recordBytes, `{"messageId":"m-${index}","event":"Order Completed"}\n`))
}

async function compare(records: readonly Uint8Array[], turns: number, directory: string): Promise<void> {
  const row = (cells: readonly (string | number)[]): string =>
    cells.map((cell, index) => (index === 0 ? String(cell).padEnd(14) : String(cell).padStart(12))).join('')
  console.log(row(['store', 'group', 'records/s', 'MB/s', 'median ms', 'CPU us/rec', 'loop', 'ratio']))
  for (const groupSize of groupSizes) {
    const found = new Map<string, Measure[]>(Object.keys(stores).map((name) => [name, []]))
    const used = records.slice(0, Math.max(groupSize, Math.floor(records.length * Math.min(1, groupSize / 8))))
    for (let turn = 0; turn < turns; turn += 1) {
      for (const [name, openStore] of Object.entries(stores)) {
        const own = join(directory, `${name.replace(' ', '-')}-${groupSize}-${turn}`)
        mkdirSync(own)
        const store = await openStore(own)
        await store.group(records.slice(0, 1))
        found.get(name)?.push(await measure(store, used, groupSize))
        await store.close()
        rmSync(own, { recursive: true })
      }
    }
    const secondsOf = (name: string): number => median((found.get(name) ?? []).map(({ seconds }) => seconds))
    for (const [name, measures] of found) {
      const perSecond = used.length / secondsOf(name)
      const cpu = median(measures.map(({ cpuSeconds }) => cpuSeconds)) * 1e6 / used.length
      const groupMs = median(measures.flatMap((one) => one.groupMs))
      console.log(row([name, groupSize, Math.round(perSecond), (perSecond * recordBytes / 1e6).toFixed(1), groupMs.toFixed(2),
        Math.round(cpu), `${Math.round(100 * median(measures.map(({ loopBusy }) => loopBusy)))} %`, (secondsOf('bare file') / secondsOf(name)).toFixed(2)]))
    }
  }
}

const [recordCount = 4_000, turns = 5] = process.argv.slice(2).map(Number)
const directory = mkdtempSync(join(process.cwd(), '.cache-bench-log-'))
try {
  await compare(makeRecords(recordCount), turns, directory)
} finally {
  rmSync(directory, { recursive: true, force: true })
}
