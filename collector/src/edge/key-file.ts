import { open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { MillraceError, messageOf } from '../platform/errors.ts'
import type { KeyList, ListedKey } from './key-ring.ts'

/**
 * The last good key list on disk, so that the edge starts while the store of keys is down. Hashes only, mode 0600,
 * replaced as a whole.
 */
export class KeyFile {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  /** The list, or null if none was written yet. Fails with `corrupt` if the file is not one. */
  async read(): Promise<KeyList | null> {
    const text = await readFile(this.#path, 'utf8').catch((error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
      throw error
    })
    return text === null ? null : this.#parse(text)
  }

  async write(list: KeyList): Promise<void> {
    const draft = `${this.#path}.new`
    const file = await open(draft, 'w', 0o600)
    try {
      await file.chmod(0o600)
      await file.writeFile(JSON.stringify({ keys: list }))
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(draft, this.#path)
    await syncDirectory(dirname(this.#path))
  }

  #parse(text: string): KeyList {
    try {
      const value: unknown = JSON.parse(text)
      if (typeof value === 'object' && value !== null && 'keys' in value && Array.isArray(value.keys)) {
        return value.keys.map(parseKey)
      }
      throw new Error('it holds no list of keys')
    } catch (error) {
      throw new MillraceError('corrupt', `the key list ${this.#path} cannot be read: ${messageOf(error)}`, { cause: error })
    }
  }
}

function parseKey(value: unknown): ListedKey {
  if (typeof value === 'object' && value !== null && 'hash' in value && 'workspace' in value && 'kind' in value
    && 'id' in value && 'revoked' in value) {
    const { hash, workspace, kind, id, revoked } = value
    if (typeof hash === 'string' && typeof workspace === 'number' && typeof id === 'string'
      && typeof revoked === 'boolean' && (kind === 'write' || kind === 'secret')) {
      return { hash, workspace, kind, id, revoked }
    }
  }
  throw new Error('an entry is not a key')
}

/** Without it a crash may bring the old name back; where a directory cannot be opened, as on Windows, nothing is lost but that. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r').catch(() => null)
  if (directory === null) return
  try {
    await directory.sync()
  } catch {
    // The file itself is synced; the list is fetched again anyway.
  } finally {
    await directory.close()
  }
}
