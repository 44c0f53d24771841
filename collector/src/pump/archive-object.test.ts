import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { batchRow } from '../../test/contracts/batch-row.ts'
import { decodeObject, encodeObject, objectName, runDigest, sha256 } from './archive-object.ts'

const lines = ['{"a":1}\n{"a":2}\n', '', '{"b":"ü"}\n'].map((text) => Buffer.from(text))
const run = lines.map((bytes, index) => batchRow(index + 1, { lineBytes: bytes.length, digest: sha256(bytes) }))

describe('archive object', () => {
  it('is a function of its batches', async () => {
    const bytes = await encodeObject('run.zst', run, lines)
    expect((await encodeObject('run.zst', run, lines)).equals(bytes)).toBe(true)
    const decoded = await decodeObject('name', bytes)
    expect([...decoded].map(([batch, content]) => [batch, content.toString()])).toEqual(lines.map((content, index) => [index + 1, content.toString()]))
  })

  it('says first what is in it', async () => {
    const [first = ''] = zstdDecompressSync(await encodeObject('run.zst', run, lines)).toString().split('\n')
    expect(JSON.parse(first)).toMatchObject({
      manifest: 1, partition: 0, firstBatch: 1, lastBatch: 3, digest: runDigest(run),
      batches: [{ batch: 1, bytes: 16 }, { batch: 2, bytes: 0 }, { batch: 3, bytes: 11 }],
    })
  })

  it('has a name that changes with any line', () => {
    const [one, two, three] = run
    expect(one && two && three).toBeTruthy()
    const name = objectName(run)
    expect(name).toMatch(/^raw\/v1\/dt=2026-01-05\/hr=00\/p=0\/000000000001-000000000003-[0-9a-f]{16}\.ndjson\.zst$/)
    expect(objectName(run.map((row, index) => (index === 1 ? { ...row, digest: sha256(Buffer.from('x')) } : row)))).not.toBe(name)
  })

  it('is written and read as earlier versions planned it, with gzip', async () => {
    const bytes = await encodeObject('run.gz', run, lines)
    expect(gunzipSync(bytes)).toEqual(zstdDecompressSync(await encodeObject('run.zst', run, lines)))
    expect([...(await decodeObject('name', bytes)).keys()]).toEqual([1, 2, 3])
  })

  it.each([['gzip', gzipSync], ['zstd', zstdCompressSync]])('is corrupt if a byte of a line changed, the manifest is gone or it is no %s', async (_, compressed) => {
    const content = zstdDecompressSync(await encodeObject('run.zst', run, lines))
    const at = content.lastIndexOf('b')
    content.writeUInt8(content.readUInt8(at) ^ 1, at)
    await expect(decodeObject('name', compressed(content))).rejects.toMatchObject({ code: 'corrupt' })
    await expect(decodeObject('name', compressed(Buffer.from('{}\n')))).rejects.toMatchObject({ code: 'corrupt' })
    await expect(decodeObject('name', compressed(content).subarray(0, 20))).rejects.toMatchObject({ code: 'corrupt' })
    await expect(decodeObject('name', Buffer.from('plain'))).rejects.toMatchObject({ code: 'corrupt' })
  })
})
