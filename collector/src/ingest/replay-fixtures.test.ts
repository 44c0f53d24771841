import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { isEventType } from '@millrace/schemas'
import { describe, expect, it } from 'vitest'
import { defaultIdentitySettings } from '../identity/identity-settings.ts'
import { textOfOneByte } from '../platform/one-byte-text.ts'
import { acceptEvents } from './accept-events.ts'
import { decodeBody } from './decode-body.ts'
import { isObject } from './is-object.ts'
import { readEnvelope } from './read-envelope.ts'

/** Bodies as the clients of ingest's table send them; the lines they become are part of the fixture. */
const folder = new URL('./fixtures/', import.meta.url)
const receivedAt = Date.UTC(2026, 0, 15, 10, 0, 8)
/** Set to write the lines anew after a wanted change; then read the difference before it is committed. */
const rewrite = process.env['MILLRACE_REWRITE_FIXTURES'] === '1'

describe('recorded bodies', () => {
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.json'))) {
    it(name, () => {
      const path = new URL(name, folder)
      const fixture: unknown = JSON.parse(readFileSync(path, 'utf8'))
      if (!isObject(fixture)) throw new Error('a fixture is an object')
      const accepted = replay(fixture)
      const actual = accepted.map(({ messageId, result, reason, partitionKey, line }) => ({
        messageId,
        result,
        reason: reason ?? null,
        partitionKey,
        line: textOfOneByte(line),
      }))
      if (rewrite) writeFileSync(path, `${JSON.stringify({ ...fixture, accepted: actual }, null, 2)}\n`)
      else expect(actual).toEqual(fixture['accepted'])
    })
  }
})

function replay(fixture: Readonly<Record<string, unknown>>): ReturnType<typeof acceptEvents> {
  const headers = isObject(fixture['headers']) ? fixture['headers'] : {}
  const header = (name: string): string | undefined => (typeof headers[name] === 'string' ? headers[name] : undefined)
  const route = isEventType(fixture['route']) ? fixture['route'] : 'batch'
  const text = Buffer.from(String(fixture['body']))
  const body = decodeBody(fixture['gzip'] === true ? gzipSync(text) : text, header('content-encoding'))
  const sentAtHeader = header('sentat')
  return acceptEvents(readEnvelope(body, route), {
    workspace: 7,
    trust: fixture['trust'] === 'secret' ? 'secret' : 'public',
    receivedAt,
    route,
    identity: defaultIdentitySettings,
    ip: '203.0.113.9',
    userAgent: header('user-agent') ?? '',
    newMessageId: () => 'made',
    ...(sentAtHeader === undefined ? {} : { sentAtHeader }),
  })
}
