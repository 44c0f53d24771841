import { MillraceError, messageOf } from '../platform/errors.ts'
import { readWhole, writeWhole } from '../platform/whole-file.ts'
import { type KeyLimits, noLimits } from '../ports/key.ts'
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
    const text = await readWhole(this.#path)
    return text === null ? null : this.#parse(text)
  }

  write(list: KeyList): Promise<void> {
    return writeWhole(this.#path, JSON.stringify({ keys: list }))
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
      return { hash, workspace, kind, id, revoked, limits: 'limits' in value ? parseLimits(value.limits) : noLimits }
    }
  }
  throw new Error('an entry is not a key')
}

function parseLimits(value: unknown): KeyLimits {
  const limit = (name: keyof KeyLimits): number | null => {
    const number: unknown = Reflect.get(Object(value), name)
    if (number === null || typeof number === 'number') return number
    throw new Error('the limits of a key are not numbers')
  }
  return {
    eventsPerSecond: limit('eventsPerSecond'), burstEvents: limit('burstEvents'),
    bytesPerSecond: limit('bytesPerSecond'), eventsPerDay: limit('eventsPerDay'),
  }
}
