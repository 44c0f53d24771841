import { randomUUID } from 'node:crypto'
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { MillraceError, messageOf } from '../../platform/errors.ts'
import { makeDirectory } from '../../platform/make-directory.ts'

/** Numbers the messages of one producer on one partition: each once, rising by one. */
export interface SequenceLane {
  /** The producer's name, under which the broker remembers the highest number. */
  readonly producer: string
  next(): number
  /** What `next` will give. */
  peek(): number
}

interface Reservation {
  readonly producer: string
  /** Numbers below may have been used. */
  reserved: number
}

const blockSize = 1_000_000

/**
 * A producer's name and which of its numbers may have been used, in a file of the process's data directory. The broker
 * drops a message whose number is not above the last of its name, so no number is used twice, whatever happens: a block is
 * on disk before its first number is out, and a start begins after the last block. Without a readable file the
 * name is new, and the numbers begin again.
 */
export class SequenceNumbers {
  readonly #path: string
  #current: Reservation

  private constructor(path: string, current: Reservation) {
    this.#path = path
    this.#current = current
  }

  static open(directory: string): SequenceNumbers {
    makeDirectory(directory)
    const path = join(directory, 'pulsar-producer.json')
    return new SequenceNumbers(path, read(path) ?? fresh())
  }

  /** For one partition, beginning after everything that was reserved when this was called first. */
  lane(): SequenceLane {
    const reservation = this.#current
    let next = reservation.reserved
    let end = next
    return {
      producer: reservation.producer,
      next: () => {
        if (next === end) {
          this.#reserve(reservation, next + blockSize)
          end = next + blockSize
        }
        next += 1
        return next - 1
      },
      peek: () => next,
    }
  }

  /** Lanes for all partitions, which share their blocks. */
  lanes(partitions: number): readonly SequenceLane[] {
    return Array.from({ length: partitions }, () => this.lane())
  }

  /** After numbers were met that had been used: a name that nobody knows. Lanes of the old one stay usable. */
  rename(): SequenceLane {
    this.#current = fresh()
    return this.lane()
  }

  #reserve(reservation: Reservation, end: number): void {
    if (reservation.reserved >= end) return
    // A name that was given up is used by nobody after this process.
    if (reservation === this.#current) write(this.#path, { ...reservation, reserved: end })
    reservation.reserved = end
  }
}

function fresh(): Reservation {
  return { producer: `millrace-${randomUUID()}`, reserved: 1 }
}

function read(path: string): Reservation | null {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'))
    const [producer, reserved]: readonly unknown[] = [Reflect.get(Object(value), 'producer'), Reflect.get(Object(value), 'reserved')]
    return typeof producer === 'string' && Number.isSafeInteger(reserved) ? { producer, reserved: Number(reserved) } : null
  } catch {
    return null
  }
}

/** On disk when it returns, whole or not at all. */
function write(path: string, reservation: Reservation): void {
  try {
    writeSynced(path, reservation)
  } catch (error) {
    throw new MillraceError('log_failed', `the producer's numbers cannot be kept: ${messageOf(error)}`, { retryable: true, cause: error })
  }
}

function writeSynced(path: string, { producer, reserved }: Reservation): void {
  const file = openSync(`${path}.new`, 'w', 0o600)
  try {
    writeSync(file, `${JSON.stringify({ producer, reserved })}\n`)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(`${path}.new`, path)
  const directory = openSync(dirname(path), 'r')
  try {
    fsyncSync(directory)
  } finally {
    closeSync(directory)
  }
}
