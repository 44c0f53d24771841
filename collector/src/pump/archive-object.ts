import { createHash } from 'node:crypto'
import { MillraceError } from '../platform/errors.ts'
import { type Gzip, threadedGzip } from '../platform/gzip.ts'
import type { BatchRow } from '../ports/oltp.ts'

/** The part of a manifest that says where one batch's lines are and what they must hash to. */
export interface ManifestBatch {
  readonly batch: number
  readonly bytes: number
  readonly digest: string
}

/** SHA-256 over the digests of the run's batches: known before any line is read, and changed by any change of a line. */
export function runDigest(batches: readonly BatchRow[]): string {
  const hash = createHash('sha256')
  for (const batch of batches) hash.update(`${batch.batch}:${batch.digest}\n`)
  return hash.digest('hex')
}

export function objectName(batches: readonly BatchRow[]): string {
  const [first, last] = ends(batches)
  const [day = '', time = ''] = new Date(first.firstReceivedAt).toISOString().split('T')
  const range = `${String(first.batch).padStart(12, '0')}-${String(last.batch).padStart(12, '0')}`
  return `raw/v1/dt=${day}/hr=${time.slice(0, 2)}/p=${first.partition}/${range}-${runDigest(batches).slice(0, 16)}.ndjson.gz`
}

/**
 * The bytes of an archive object: a manifest line, then the lines of each batch. A function of the batch rows and
 * their lines, so a repeated put writes the same content. The level is pinned; digests cover uncompressed bytes,
 * since deflate may differ between zlib versions.
 */
export async function encodeObject(batches: readonly BatchRow[], lines: readonly Buffer[], gzip: Gzip = threadedGzip): Promise<Buffer> {
  const [first, last] = ends(batches)
  const manifest = JSON.stringify({
    manifest: 1,
    partition: first.partition,
    firstBatch: first.batch,
    lastBatch: last.batch,
    digest: runDigest(batches),
    schemaVersion: first.schemaVersion,
    batches: batches.map((batch) => ({
      batch: batch.batch, bytes: batch.lineBytes, digest: batch.digest,
      firstPosition: batch.firstPosition, lastPosition: batch.lastPosition,
      accepted: batch.accepted, stored: batch.stored, duplicate: batch.duplicate, quarantined: batch.quarantined,
    })),
  })
  return gzip.compress(Buffer.concat([Buffer.from(`${manifest}\n`), ...lines]))
}

/** The lines of each batch of an object, checked against the manifest; fails with `corrupt` where they differ. */
export async function decodeObject(name: string, bytes: Uint8Array, gzip: Gzip = threadedGzip): Promise<ReadonlyMap<number, Buffer>> {
  const content = await gzip.expand(bytes).catch((cause: unknown) => {
    throw new MillraceError('corrupt', `archive object ${name} cannot be decompressed`, { cause })
  })
  const end = content.indexOf(10)
  const batches = manifestBatches(name, content.toString('utf8', 0, end))
  const lines = new Map<number, Buffer>()
  let start = end + 1
  for (const batch of batches) {
    const slice = content.subarray(start, start + batch.bytes)
    if (sha256(slice) !== batch.digest) throw new MillraceError('corrupt', `archive object ${name}: batch ${batch.batch} does not match its digest`)
    lines.set(batch.batch, slice)
    start += batch.bytes
  }
  return lines
}

function manifestBatches(name: string, text: string): readonly ManifestBatch[] {
  const manifest: unknown = JSON.parse(text)
  if (typeof manifest !== 'object' || manifest === null || !('batches' in manifest) || !Array.isArray(manifest.batches)) {
    throw new MillraceError('corrupt', `archive object ${name} has no manifest`)
  }
  return manifest.batches.map((entry: unknown) => {
    if (typeof entry === 'object' && entry !== null && 'batch' in entry && 'bytes' in entry && 'digest' in entry &&
      typeof entry.batch === 'number' && typeof entry.bytes === 'number' && typeof entry.digest === 'string') {
      return { batch: entry.batch, bytes: entry.bytes, digest: entry.digest }
    }
    throw new MillraceError('corrupt', `archive object ${name} has an unreadable manifest`)
  })
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function ends(batches: readonly BatchRow[]): readonly [BatchRow, BatchRow] {
  const first = batches[0]
  const last = batches.at(-1)
  if (first === undefined || last === undefined) throw new MillraceError('internal', 'a run holds no batch')
  return [first, last]
}
