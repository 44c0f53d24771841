import { closeSync, mkdirSync, openSync, readFileSync, readSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { failPlace } from '../platform/fail-point.ts'
import { digestOf } from './made-id.ts'

/** How far an import is: everything before is durable in the log, and its rejects are written. */
export interface ImportProgress {
  /** Events and rejected lines of the file, in its order, that are done. */
  readonly entries: number
  readonly events: number
  readonly known: number
  readonly rejects: number
  /** Bytes of the rejects file that belong to them. */
  readonly rejectBytes: number
}

export const nothingDone: ImportProgress = Object.freeze({ entries: 0, events: 0, known: 0, rejects: 0, rejectBytes: 0 })

const headBytes = 65_536

/**
 * Where an import goes on after its process was killed. Kept under the data directory by what the file is (path, size, time,
 * first 64 KB) and how it is mapped: anything else is another import, which begins at the beginning, and whose events the source register
 * knows. So a lost or stale file costs time and changes nothing.
 */
export class ProgressFile {
  readonly #path: string

  constructor(dataDirectory: string, fingerprint: string) {
    this.#path = join(dataDirectory, 'imports', `${fingerprint}.json`)
  }

  read(): ImportProgress | null {
    try {
      const value: unknown = JSON.parse(readFileSync(this.#path, 'utf8'))
      return isProgress(value) ? value : null
    } catch {
      return null
    }
  }

  write(progress: ImportProgress): void {
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 })
    writeFileSync(`${this.#path}.new`, JSON.stringify(progress), { mode: 0o600 })
    failPlace('import.cursor')
    renameSync(`${this.#path}.new`, this.#path)
  }

  remove(): void {
    rmSync(this.#path, { force: true })
  }
}

/** null for standard input, which cannot be known again. */
export function fingerprintOf(path: string, how: unknown): string | null {
  if (path === '-') return null
  const { size, mtimeMs } = statSync(path)
  const head = Buffer.alloc(headBytes)
  const file = openSync(path, 'r')
  try {
    const read = readSync(file, head, 0, headBytes, 0)
    return digestOf(JSON.stringify([resolve(path), size, mtimeMs, head.subarray(0, read).toString('base64'), how])).toString('hex').slice(0, 32)
  } finally {
    closeSync(file)
  }
}

function isProgress(value: unknown): value is ImportProgress {
  const names = ['entries', 'events', 'known', 'rejects', 'rejectBytes']
  return typeof value === 'object' && value !== null && names.every((name) => Number.isSafeInteger(Reflect.get(value, name)))
}
