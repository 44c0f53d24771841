import { chmodSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { MillraceError, messageOf } from './errors.ts'
import { makeDirectory } from './make-directory.ts'

export interface DataLock {
  release(): void
}

/**
 * Takes the data directory for this process. The lock is the operating system's, held through an exclusive SQLite
 * transaction, so it dies with the process however it dies; a file with a process id would not.
 * Fails with `data_in_use` if another process holds it, with `unavailable` if the directory cannot be made or written.
 */
export function lockData(directory: string): DataLock {
  try {
    makeDirectory(resolve(directory))
    const path = join(directory, 'lock')
    const database = new DatabaseSync(path, { timeout: 0 })
    chmodSync(path, 0o600)
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
    return { release: () => database.close() }
  } catch (error) {
    if (/locked|busy/i.test(messageOf(error))) {
      throw new MillraceError('data_in_use', `the data directory ${directory} is used by another Millrace process; stop it, or choose another with --data`, { cause: error })
    }
    throw new MillraceError('unavailable', `the data directory ${directory} cannot be used: ${messageOf(error)}`, { cause: error })
  }
}
