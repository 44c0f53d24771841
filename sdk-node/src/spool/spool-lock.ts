import { chmodSync } from 'node:fs'
import { join } from 'node:path'

/** Held until released or until the process ends, however it ends. */
export interface SpoolLock {
  release(): void
}

/**
 * Takes a queue directory for one client. The lock is the operating system's, through an exclusive SQLite transaction:
 * a file with a process id in it would outlive a crash, or name somebody else's process. Fails if another client, of this
 * process or any other, holds it.
 */
export function lockSpool(directory: string): SpoolLock {
  // Loaded only here: clients without a queue directory do not pay for it.
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite')
  const path = join(directory, 'lock')
  const database = new DatabaseSync(path, { timeout: 0 })
  try {
    chmodSync(path, 0o600)
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    const busy = /locked|busy/i.test(error instanceof Error ? error.message : '')
    throw new Error(busy
      ? `the queue directory ${directory} is used by another client; give each process its own`
      : `the queue directory ${directory} cannot be locked`, { cause: error })
  }
  return { release: () => database.close() }
}
