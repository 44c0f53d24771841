import { randomUUID } from 'node:crypto'
import { readdirSync, rmSync, statSync } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { MillraceError, messageOf } from '../../../platform/errors.ts'
import { failPlace, failStep } from '../../../platform/fail-point.ts'
import { makeDirectory } from '../../../platform/make-directory.ts'
import type { Objects } from '../../../ports/objects.ts'
import { checkedObjectName } from '../object-name.ts'

/** Half-written objects live in one directory whose name no object can have, each put with a file of its own. */
const unfinished = '~'
/** No put takes so long: an older file is what a crash left behind. */
const unfinishedMsMax = 3_600_000

/**
 * The archive as files under a directory. A put is durable when it resolves: contents, then name, then every
 * directory it made. Fails with `bad_request` for a name out of the port's alphabet, `unavailable` where the disk is full
 * or refuses.
 */
export function openFilesObjects(options: { readonly directory: string }): Objects {
  const directory = resolve(options.directory)
  makeDirectory(join(directory, unfinished))
  removeLeftovers(join(directory, unfinished))
  const names = new DurableNames(directory)
  return {
    put: (name, bytes) => attempt('written', name, () => put(names, checkedObjectName(name), bytes)),
    get: (name) => attempt('read', name, () => absentAs(null, readFile(join(directory, checkedObjectName(name))))),
    delete: (name) => attempt('removed', name, async () => {
      const path = join(directory, checkedObjectName(name))
      await rm(path, { force: true })
      // What was erased must not come back with the power.
      await absentAs(undefined, syncNames(dirname(path)))
    }),
    list: (prefix, limit) => attempt('listed', prefix, () => list(directory, prefix, limit)),
    close: async () => {},
  }
}

/** Young ones may belong to another process that has the directory open. */
function removeLeftovers(directory: string): void {
  for (const name of readdirSync(directory)) {
    const path = join(directory, name)
    const writtenAt = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
    if (Date.now() - writtenAt > unfinishedMsMax) rmSync(path, { force: true })
  }
}

async function attempt<T>(what: string, name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof MillraceError) throw error
    const full = /^(?:ENOSPC|EDQUOT)$/.test(String(Reflect.get(Object(error), 'code')))
    const why = full ? 'the disk of the archive is full; free space, nothing is lost meanwhile' : messageOf(error)
    throw new MillraceError('unavailable', `object ${name} cannot be ${what}: ${why}`, { retryable: true, cause: error })
  }
}

/**
 * The directories of which the names are known to be durable, up to the archive's own. Whether this process made one says nothing:
 * another may have been killed between making it and its sync.
 */
class DurableNames {
  readonly directory: string
  readonly #known = new Set<string>()

  constructor(directory: string) {
    this.directory = directory
  }

  async syncUpFrom(from: string): Promise<void> {
    await syncNames(from)
    for (let at = from; at !== this.directory && !this.#known.has(at); at = dirname(at)) {
      await syncNames(dirname(at))
      this.#known.add(at)
    }
  }
}

async function put(names: DurableNames, name: string, bytes: Uint8Array): Promise<void> {
  const path = join(names.directory, name)
  const parent = dirname(path)
  await mkdir(parent, { recursive: true, mode: 0o700 })
  const half = join(names.directory, unfinished, randomUUID())
  try {
    await failStep('object.write', () => writeFile(half, bytes), () => writeFile(half, bytes.subarray(0, Math.ceil(bytes.length / 2))))
    await rename(half, path)
  } catch (error) {
    await rm(half, { force: true }).catch(() => undefined)
    throw error
  }
  failPlace('object.name')
  await names.syncUpFrom(parent)
}

async function writeFile(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

async function syncNames(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function list(directory: string, prefix: string, limit: number): Promise<readonly string[]> {
  // Only the part of the tree that the prefix names is walked.
  const base = prefix.includes('/') ? checkedObjectName(prefix.slice(0, prefix.lastIndexOf('/'))) : ''
  const entries = await absentAs([], readdir(join(directory, base), { recursive: true, withFileTypes: true }))
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter((name) => name.startsWith(prefix) && !name.startsWith(unfinished))
    .toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .slice(0, limit)
}

async function absentAs<T, A>(absent: A, work: Promise<T>): Promise<T | A> {
  try {
    return await work
  } catch (error) {
    if (Reflect.get(Object(error), 'code') === 'ENOENT') return absent
    throw error
  }
}
