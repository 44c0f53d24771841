import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { readU53, writeU53 } from './frame.ts'
import type { Place } from './position.ts'

/** How far the log is durable: what readers may see, and what it holds of each partition. */
export interface Watermark extends Place {
  readonly sequences: readonly number[]
  /** Offset of each partition's last frame in this incarnation; -1 where there is none. */
  readonly lastOffsets: readonly number[]
}

/**
 * One small file overwritten in place after each sync and polled by readers in any process. It is not synced itself:
 * it only ever says less than what is durable, and after a power loss the writer makes it anew.
 */
export class WatermarkFile {
  readonly #file: number
  readonly #bytes: Buffer

  private constructor(file: number, bytes: Buffer) {
    this.#file = file
    this.#bytes = bytes
  }

  static openForWriting(directory: string, partitions: number): WatermarkFile {
    return new WatermarkFile(openSync(join(directory, 'synced'), 'a+', 0o600), Buffer.alloc(bytesFor(partitions))).#reopened(directory)
  }

  static openForReading(directory: string, partitions: number): WatermarkFile {
    return new WatermarkFile(openSync(join(directory, 'synced'), 'r'), Buffer.alloc(bytesFor(partitions)))
  }

  /** 'a+' made the file if it was missing; in place it is written through 'r+'. */
  #reopened(directory: string): WatermarkFile {
    closeSync(this.#file)
    return new WatermarkFile(openSync(join(directory, 'synced'), 'r+'), this.#bytes)
  }

  write({ incarnation, offset, sequences, lastOffsets }: Watermark): void {
    const bytes = this.#bytes
    writeU53(bytes, incarnation, 8)
    writeU53(bytes, offset, 16)
    sequences.forEach((sequence, partition) => writeU53(bytes, sequence, 24 + partition * 16))
    lastOffsets.forEach((last, partition) => writeU53(bytes, last + 1, 32 + partition * 16))
    bytes.writeUInt32LE(crc32(bytes.subarray(8)), 0)
    writeSync(this.#file, bytes, 0, bytes.length, 0)
  }

  /** Null if there is none yet, or it was caught in the middle of a write: ask again. */
  read(): Watermark | null {
    const bytes = this.#bytes
    if (readSync(this.#file, bytes, 0, bytes.length, 0) < bytes.length) return null
    if (bytes.readUInt32LE(0) !== crc32(bytes.subarray(8))) return null
    const partitions = (bytes.length - 24) / 16
    return {
      incarnation: readU53(bytes, 8),
      offset: readU53(bytes, 16),
      sequences: Array.from({ length: partitions }, (_, partition) => readU53(bytes, 24 + partition * 16)),
      lastOffsets: Array.from({ length: partitions }, (_, partition) => readU53(bytes, 32 + partition * 16) - 1),
    }
  }

  close(): void {
    closeSync(this.#file)
  }
}

function bytesFor(partitions: number): number {
  return 24 + partitions * 16
}
