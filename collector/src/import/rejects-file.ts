import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import { type Reject, rejectHeader, rejectLine } from './reject.ts'

/** The lines that were not imported, in a CSV file that is made with the first of them. */
export class RejectsFile {
  readonly path: string
  #file: number | null = null
  #bytes: number

  /** `bytes`: what an import that is gone on with wrote; whatever stands behind it is written again. */
  constructor(path: string, bytes: number) {
    this.path = path
    this.#bytes = bytes
  }

  /** Answers the length of the file then. */
  add(rejects: readonly Reject[]): number {
    if (rejects.length === 0) return this.#bytes
    if (this.#file === null) {
      this.#file = openSync(this.path, this.#bytes === 0 ? 'w' : 'r+', 0o600)
      ftruncateSync(this.#file, this.#bytes)
    }
    const text = Buffer.from(`${this.#bytes === 0 ? rejectHeader : ''}${rejects.map(rejectLine).join('')}`)
    for (let written = 0; written < text.length;) written += writeSync(this.#file, text, written, text.length - written, this.#bytes + written)
    this.#bytes += text.length
    return this.#bytes
  }

  close(): void {
    if (this.#file !== null) closeSync(this.#file)
    this.#file = null
  }
}
