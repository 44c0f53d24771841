import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Objects } from '../../../ports/objects.ts'
import { openS3Objects } from './s3-objects.ts'

type Answer = (request: IncomingMessage, response: ServerResponse) => void

const refuse = (status: number, code: string, headers: Record<string, string> = {}): Answer => (_, response) => {
  response.writeHead(status, { 'content-type': 'application/xml', ...headers })
  response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>as told</Message></Error>`)
}
const accept: Answer = (_, response) => {
  response.writeHead(200, { etag: '"x"' }).end()
}

/** What a well-behaved gateway never does, played by a server with a script of answers. */
describe('objects in S3, where the store is odd', () => {
  let answers: Answer[]
  let requests: IncomingMessage[]
  let objects: Objects
  let close: () => void

  beforeEach(async () => {
    answers = []
    requests = []
    process.env['AWS_ACCESS_KEY_ID'] = 'test'
    process.env['AWS_SECRET_ACCESS_KEY'] = 'test'
    const server = createServer((request, response) => {
      requests.push(request)
      request.resume().once('end', () => (answers.shift() ?? accept)(request, response))
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    objects = await openS3Objects(`s3://archive/a?endpoint=http://127.0.0.1:${port}&region=eu-central-1`)
    close = () => {
      server.close()
      server.closeAllConnections()
    }
  })

  afterEach(async () => {
    await objects.close()
    close()
  })

  it('puts without the condition where the store does not know it', async () => {
    answers = [refuse(501, 'NotImplemented')]
    await objects.put('x', Buffer.from('x'))
    const conditions = requests.map(({ headers }) => headers['if-none-match'])
    expect(conditions[0]).toBe('*')
    expect(conditions.at(-1)).toBeUndefined()
  })

  it('takes an object that is there for the same, and comes again after a conflict', async () => {
    answers = [refuse(409, 'ConditionalRequestConflict'), refuse(412, 'PreconditionFailed')]
    await objects.put('x', Buffer.from('x'))
    expect(requests).toHaveLength(2)
  })

  it('tries again where the store fails, a bounded number of times', async () => {
    answers = [refuse(500, 'InternalError')]
    await objects.put('x', Buffer.from('x'))
    expect(requests).toHaveLength(2)
    answers = Array.from({ length: 20 }, () => refuse(500, 'InternalError'))
    await expect(objects.put('x', Buffer.from('x'))).rejects.toMatchObject({ code: 'unavailable', message: expect.stringContaining('500') })
    expect(requests).toHaveLength(6)
  })

  it('reads anew where an answer breaks off', async () => {
    answers = [
      (_, response) => {
        response.writeHead(200, { 'content-length': '1000' })
        response.write('half', () => response.destroy())
      },
      (_, response) => {
        response.end('whole')
      },
    ]
    expect(Buffer.from(await objects.get('x') ?? []).toString()).toBe('whole')
  })

  it('never takes a missing bucket for a missing object', async () => {
    answers = [refuse(404, 'NoSuchBucket')]
    await expect(objects.get('x')).rejects.toThrow('no such bucket')
    answers = [refuse(404, 'NoSuchKey')]
    expect(await objects.get('x')).toBeNull()
  })

  it('aborts an upload in parts that fails', async () => {
    answers = [
      (_, response) => {
        response.setHeader('content-type', 'application/xml')
        response.end('<?xml version="1.0"?><InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>')
      },
      ...Array.from({ length: 3 }, () => refuse(403, 'AccessDenied')),
    ]
    await expect(objects.put('x', Buffer.alloc(17_000_000))).rejects.toThrow('access is denied')
    expect(requests.map(({ method }) => method)).toEqual(['POST', 'PUT', 'PUT', 'PUT', 'DELETE'])
  })

  it.each([
    [refuse(301, 'PermanentRedirect', { 'x-amz-bucket-region': 'us-west-2' }), 'set region=us-west-2'],
    [refuse(400, 'AuthorizationHeaderMalformed', { 'x-amz-bucket-region': 'us-west-2' }), 'another region than eu-central-1'],
    [refuse(403, 'AccessDenied'), 's3:ListBucket'],
    [refuse(403, 'InvalidAccessKeyId'), 'correct AWS_ACCESS_KEY_ID'],
    [refuse(403, 'SignatureDoesNotMatch'), 'correct AWS_SECRET_ACCESS_KEY'],
    [refuse(400, 'ExpiredToken'), 'renew the credentials'],
    [refuse(418, 'Odd'), '418 Odd: as told'],
  ])('says what is wrong and what to do', async (answer, says) => {
    answers = [answer]
    await expect(objects.list('', 1)).rejects.toMatchObject({ code: 'unavailable', retryable: true, message: expect.stringContaining(says) })
  })

  it('says it where nothing listens', async () => {
    close()
    await expect(objects.put('x', Buffer.from('x'))).rejects.toMatchObject({
      code: 'unavailable', retryable: true, message: expect.stringMatching(/archive at http:\/\/127.*cannot be reached/),
    })
  })
})

describe('the address of an S3 archive', () => {
  it.each([
    ['file:x', 'is none'],
    ['s3://', 'bucket'],
    ['s3://UPPER_case', 'bucket'],
    ['s3://key:secret@bucket/x', 'AWS_ACCESS_KEY_ID'],
    ['s3://bucket/a//b', 'prefix'],
    ['s3://bucket/a%20b', 'prefix'],
    ['s3://bucket/a?endpoint=127.0.0.1:9000', 'endpoint'],
    ['s3://bucket/a?region=', 'region'],
    ['s3://bucket/a?regoin=x', 'regoin'],
  ])('%s is refused with the reason', async (url, says) => {
    await expect(openS3Objects(url)).rejects.toMatchObject({ code: 'bad_config', message: expect.stringContaining(says) })
  })
})
