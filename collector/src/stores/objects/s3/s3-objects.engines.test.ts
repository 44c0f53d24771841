import { randomUUID } from 'node:crypto'
import { afterAll, describe, expect, it } from 'vitest'
import { startMoto } from '../../../../../scripts/engines/moto.ts'
import { startVersitygw, versitygwAccount } from '../../../../../scripts/engines/versitygw.ts'
import { objectsContract } from '../../../../test/contracts/objects-contract.ts'
import { openS3Objects } from './s3-objects.ts'

process.env['AWS_ACCESS_KEY_ID'] = versitygwAccount.accessKeyId
process.env['AWS_SECRET_ACCESS_KEY'] = versitygwAccount.secretAccessKey
const engine = await startVersitygw()
const second = await startMoto()

if ('missing' in second) {
  it.skip(`s3: ${second.missing}`, () => {})
} else {
  afterAll(() => second.stop())

  objectsContract('s3 (moto)', async () => {
    const objects = await openS3Objects(second.url.replace('/test?', `/test/${randomUUID()}?`))
    return { objects, cleanup: () => objects.close() }
  })
}

if ('missing' in engine) {
  it.skip(`s3: ${engine.missing}`, () => {})
} else {
  const { url } = engine
  const ofItsOwn = () => url.replace('/test?', `/test/${randomUUID()}?`)

  afterAll(() => engine.stop())

  objectsContract('s3 (versitygw)', async () => {
    const objects = await openS3Objects(ofItsOwn())
    return { objects, cleanup: () => objects.close() }
  })

  describe('objects in S3', () => {
    it('go up in parts when they are long, also twice and many times at once', async () => {
      const objects = await openS3Objects(ofItsOwn())
      const bytes = Buffer.alloc(16_777_216 + 3_000_001)
      for (let at = 0; at < bytes.length; at += 4_099) bytes.writeUInt8(at % 251, at)
      await Promise.all([objects.put('raw/long', bytes), objects.put('raw/long', bytes)])
      await objects.put('raw/long', bytes)
      expect(Buffer.compare(Buffer.from(await objects.get('raw/long') ?? []), bytes)).toBe(0)
      expect(await objects.list('', 10)).toEqual(['raw/long'])
      await objects.close()
    })

    it('are listed over more than one page, in byte order', async () => {
      const objects = await openS3Objects(ofItsOwn())
      const names = Array.from({ length: 1_050 }, (_, index) => `many/${index}`)
      for (let at = 0; at < names.length; at += 50) await Promise.all(names.slice(at, at + 50).map((name) => objects.put(name, Buffer.from('x'))))
      expect(await objects.list('many/', 5_000)).toEqual(names.toSorted())
      expect(await objects.list('many/', 1_020)).toEqual(names.toSorted().slice(0, 1_020))
      expect(await objects.list('many/', 0)).toEqual([])
      await objects.close()
    })

    it('say it where the bucket is missing, the key unknown or the secret wrong', async () => {
      const missing = await openS3Objects(url.replace('//archive/', '//nowhere/'))
      for (const work of [() => missing.put('a', Buffer.from('x')), () => missing.get('a'), () => missing.list('', 1)]) {
        await expect(work()).rejects.toMatchObject({ code: 'unavailable', retryable: true, message: expect.stringContaining('no such bucket') })
      }
      await missing.close()
      const wrong = async (variable: string, says: string): Promise<void> => {
        const right = process.env[variable]
        process.env[variable] = 'wrong'
        const objects = await openS3Objects(url)
        try {
          await expect(objects.get('a')).rejects.toThrow(says)
        } finally {
          process.env[variable] = right
          await objects.close()
        }
      }
      await wrong('AWS_ACCESS_KEY_ID', 'correct AWS_ACCESS_KEY_ID')
      await wrong('AWS_SECRET_ACCESS_KEY', 'correct AWS_SECRET_ACCESS_KEY')
    })

    it('come back with a gateway that was killed under puts', async () => {
      const objects = await openS3Objects(ofItsOwn())
      const content = Buffer.alloc(100_000, 7)
      const puts = Array.from({ length: 40 }, (_, index) => objects.put(`k/${index}`, content))
      const settled = Promise.allSettled(puts)
      await puts[5]
      await engine.kill()
      const ended = await settled
      await expect(objects.get('k/5')).rejects.toMatchObject({ code: 'unavailable', retryable: true, message: expect.stringContaining('cannot be reached') })
      await engine.restart()
      for (const [index, each] of ended.entries()) if (each.status === 'rejected') await objects.put(`k/${index}`, content)
      for (let index = 0; index < 40; index += 1) expect(await objects.get(`k/${index}`)).toHaveLength(content.length)
      await objects.close()
    })
  })
}
