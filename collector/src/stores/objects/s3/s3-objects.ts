import { setTimeout as delay } from 'node:timers/promises'
import type * as S3Package from '@aws-sdk/client-s3'
import { MillraceError } from '../../../platform/errors.ts'
import { optionalPackage } from '../../../platform/optional-package.ts'
import type { Objects } from '../../../ports/objects.ts'
import { checkedObjectName } from '../object-name.ts'
import { parseS3Address, type S3Address } from './s3-address.ts'
import { readRefusal, s3Failure } from './s3-failure.ts'

interface Store {
  readonly s3: typeof S3Package
  readonly client: S3Package.S3Client
  readonly address: S3Address
}

interface Upload {
  readonly key: string
  readonly bytes: Uint8Array
}

/** A longer object goes up in parts, several at once, and only a part is sent anew where the network fails. */
const wholeBytesMax = 16_777_216
const partBytes = 8_388_608
const partsAtOnce = 4
const socketsMax = 32
/** Each with the SDK's growing delays between. */
const attemptsMax = 4
const connectMsMax = 3_000
const silenceMsMax = 15_000
/** Over all attempts of one request. */
const requestMsMax = 120_000
/** Two puts of one name at once: one may be told to come again. */
const conflictsMax = 6
const listedAtOnceMax = 1_000

/**
 * The archive in S3 or a store that speaks its protocol: `s3://bucket/prefix?endpoint=http://host:port&region=…`, with
 * path-style requests where an endpoint is given. Credentials come from the AWS SDK's usual chain. Needs the package
 * `@aws-sdk/client-s3` (`package_missing`); fails with `bad_config` for an address it cannot read, and asks the network
 * nothing until the first call.
 *
 * An object is put only where none is: one that is there has the same bytes by the port's promise. A store that does not
 * know the condition gets a plain put. Calls fail with `bad_request` for a name out of the port's alphabet, else with
 * `unavailable` and what to do; each ends within a bound on its time, of two minutes a request.
 * A process that dies while an object goes up in parts leaves the parts: let a lifecycle rule of the bucket abort
 * incomplete multipart uploads.
 */
export async function openS3Objects(url: string): Promise<Objects> {
  const address = parseS3Address(url)
  const s3 = await optionalPackage('s3', '@aws-sdk/client-s3', () => import('@aws-sdk/client-s3'))
  const region = address.region ?? (address.endpoint === undefined ? undefined : process.env['AWS_REGION'] ?? 'us-east-1')
  const client = new s3.S3Client({
    ...(region === undefined ? {} : { region }),
    ...(address.endpoint === undefined ? {} : { endpoint: address.endpoint, forcePathStyle: true }),
    maxAttempts: attemptsMax,
    requestHandler: {
      connectionTimeout: connectMsMax,
      socketTimeout: silenceMsMax,
      httpAgent: { keepAlive: true, maxSockets: socketsMax },
      httpsAgent: { keepAlive: true, maxSockets: socketsMax },
    },
  })
  const store: Store = { s3, client, address: { ...address, region } }
  const keyOf = (name: string): string => address.keyPrefix + checkedObjectName(name)
  const attempt = <T>(what: string, name: string, work: () => Promise<T>): Promise<T> =>
    explained(store, `object ${name} cannot be ${what}`, work)
  return {
    put: (name, bytes) => attempt('written', name, () => put(store, { key: keyOf(name), bytes })),
    get: (name) => attempt('read', name, () => get(store, keyOf(name))),
    delete: (name) => attempt('removed', name, () => remove(store, keyOf(name))),
    list: (prefix, limit) => explained(store, `the objects ${prefix}* cannot be listed`, () => list(store, prefix, limit)),
    close: async () => client.destroy(),
  }
}

async function explained<T>({ address }: Store, what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof MillraceError) throw error
    throw s3Failure(what, address, error)
  }
}

function bound(): { abortSignal: AbortSignal } {
  return { abortSignal: AbortSignal.timeout(requestMsMax) }
}

async function put(store: Store, upload: Upload): Promise<void> {
  const send = upload.bytes.length > wholeBytesMax ? putInParts : putWhole
  for (let conflicts = 0; ; conflicts += 1) {
    try {
      await send(store, upload, true)
      return
    } catch (error) {
      const { name, status } = readRefusal(error)
      // It is there already, with the same bytes.
      if (status === 412 || name === 'PreconditionFailed') return
      if (status === 501 || name === 'NotImplemented') {
        await send(store, upload, false)
        return
      }
      // A completion that was repeated after its answer got lost finds no upload; the next round finds the object.
      const again = name === 'ConditionalRequestConflict' || name === 'NoSuchUpload'
      if (!again || conflicts >= conflictsMax) throw error
      await delay(20 * 2 ** conflicts)
    }
  }
}

async function putWhole({ s3, client, address }: Store, { key, bytes }: Upload, onlyNew: boolean): Promise<void> {
  const where = { Bucket: address.bucket, Key: key, ...(onlyNew ? { IfNoneMatch: '*' } : {}) }
  await client.send(new s3.PutObjectCommand({ ...where, Body: bytes, ContentLength: bytes.length }), bound())
}

async function putInParts(store: Store, upload: Upload, onlyNew: boolean): Promise<void> {
  const { s3, client, address } = store
  const where = { Bucket: address.bucket, Key: upload.key }
  const created = await client.send(new s3.CreateMultipartUploadCommand({ ...where, ChecksumAlgorithm: 'CRC32' }), bound())
  const ofUpload = { ...where, UploadId: created.UploadId }
  try {
    const parts = await putParts(store, upload, ofUpload.UploadId)
    const condition = onlyNew ? { IfNoneMatch: '*' } : {}
    await client.send(new s3.CompleteMultipartUploadCommand({ ...ofUpload, ...condition, MultipartUpload: { Parts: parts } }), bound())
  } catch (error) {
    await client.send(new s3.AbortMultipartUploadCommand(ofUpload), bound()).catch(() => undefined)
    throw error
  }
}

interface Part {
  readonly PartNumber: number
  readonly ETag: string | undefined
  readonly ChecksumCRC32: string | undefined
}

async function putParts({ s3, client, address }: Store, { key, bytes }: Upload, uploadId: string | undefined): Promise<Part[]> {
  const count = Math.ceil(bytes.length / partBytes)
  const parts: Part[] = []
  let next = 0
  const work = async (): Promise<void> => {
    while (next < count) {
      const index = next
      next += 1
      const body = bytes.subarray(index * partBytes, (index + 1) * partBytes)
      const done = await client.send(new s3.UploadPartCommand({
        Bucket: address.bucket, Key: key, UploadId: uploadId, PartNumber: index + 1,
        Body: body, ContentLength: body.length, ChecksumAlgorithm: 'CRC32',
      }), bound())
      parts.push({ PartNumber: index + 1, ETag: done.ETag, ChecksumCRC32: done.ChecksumCRC32 })
    }
  }
  const workers = Array.from({ length: Math.min(partsAtOnce, count) }, async () => {
    try {
      await work()
    } catch (error) {
      // The others end with the part they are at.
      next = count
      throw error
    }
  })
  // All have ended before the upload is aborted, so that no part comes after.
  const ended = await Promise.allSettled(workers)
  for (const each of ended) if (each.status === 'rejected') throw each.reason
  return parts.toSorted((a, b) => a.PartNumber - b.PartNumber)
}

async function get({ s3, client, address }: Store, key: string): Promise<Uint8Array | null> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const found = await client.send(new s3.GetObjectCommand({ Bucket: address.bucket, Key: key }), bound())
      return await found.Body?.transformToByteArray() ?? new Uint8Array(0)
    } catch (error) {
      const { name, status } = readRefusal(error)
      if (name === 'NoSuchKey' || (status === 404 && name === 'NotFound')) return null
      // The SDK repeats what fails before the answer begins; a body that broke off is asked for again here.
      if (status !== 0 || name !== 'ECONNRESET' || attempt >= attemptsMax) throw error
    }
  }
}

async function remove({ s3, client, address }: Store, key: string): Promise<void> {
  try {
    await client.send(new s3.DeleteObjectCommand({ Bucket: address.bucket, Key: key }), bound())
  } catch (error) {
    if (readRefusal(error).name !== 'NoSuchKey') throw error
  }
}

/** S3 lists in the byte order of UTF-8, page by page. */
async function list({ s3, client, address }: Store, prefix: string, limit: number): Promise<readonly string[]> {
  const names: string[] = []
  let from: string | undefined
  while (names.length < limit) {
    const page = await client.send(new s3.ListObjectsV2Command({
      Bucket: address.bucket, Prefix: address.keyPrefix + prefix, MaxKeys: Math.min(listedAtOnceMax, limit - names.length),
      ...(from === undefined ? {} : { ContinuationToken: from }),
    }), bound())
    for (const { Key: key } of page.Contents ?? []) if (key !== undefined) names.push(key.slice(address.keyPrefix.length))
    from = page.NextContinuationToken
    if (page.IsTruncated !== true || from === undefined) break
  }
  return names
}
