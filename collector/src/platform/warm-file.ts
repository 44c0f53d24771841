import { type FileHandle, open } from 'node:fs/promises'

const chunkBytes = 8_388_608
const samples = 64
const sampleBytes = 4_096
/** Memory answers in a tenth of it, also through the thread pool; a disk that is faster needs no warming. */
const slowMs = 0.25
/** Of the samples: so many come late on a busy machine too. */
const slowMax = 2

export interface Warming {
  readonly bytesMax: number
  readonly signal: AbortSignal
  /** Milliseconds; a test has its own. */
  readonly now?: () => number
}

/**
 * Reads a file once, so that the system has it in memory before single pages are asked for: page by page, as after a restart of the
 * machine, a store of gigabytes answers seconds late for minutes. Does nothing where samples say that it is there already. Reads at most `bytesMax`;
 * answers how many bytes it read. A file that is not there, or not readable, is for its owner to complain about.
 */
export async function warmFile(path: string, { bytesMax, signal, now = () => performance.now() }: Warming): Promise<number> {
  let file: FileHandle
  try {
    file = await open(path)
  } catch {
    return 0
  }
  try {
    const { size } = await file.stat()
    return await isCold(file, { size, signal, now }) ? await readThrough(file, Math.min(size, bytesMax), signal) : 0
  } catch {
    return 0
  } finally {
    await file.close()
  }
}

async function isCold(file: FileHandle, { size, signal, now }: { readonly size: number; readonly signal: AbortSignal; readonly now: () => number }): Promise<boolean> {
  const page = Buffer.alloc(sampleBytes)
  let slow = 0
  for (let sample = 0; sample < samples && !signal.aborted; sample += 1) {
    const begin = now()
    await file.read(page, 0, sampleBytes, Math.floor(size * sample / samples / sampleBytes) * sampleBytes)
    if (now() - begin > slowMs) slow += 1
  }
  return slow > slowMax
}

async function readThrough(file: FileHandle, end: number, signal: AbortSignal): Promise<number> {
  const chunk = Buffer.alloc(Math.min(chunkBytes, end))
  let at = 0
  while (at < end && !signal.aborted) {
    const { bytesRead } = await file.read(chunk, 0, Math.min(chunk.length, end - at), at)
    if (bytesRead === 0) break
    at += bytesRead
  }
  return at
}
