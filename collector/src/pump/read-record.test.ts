import { expect, it } from 'vitest'
import { ByteWriter } from '../platform/byte-writer.ts'
import { encodeControlLine, encodeRecordLine } from '../ports/record.ts'
import { writeArchiveLine } from './archive-line.ts'
import { readRecord } from './read-record.ts'

const receivedAt = 1_700_000_000_000

function eventJson(messageId: string, more = ''): string {
  return `{"messageId":"${messageId}","type":"track","event":"Größe 💥${more}","userId":"u","timestamp":"2023-11-14T22:13:20.000Z"}`
}

function record(payload: string): Parameters<typeof readRecord>[0] {
  // In the middle of other bytes, as a cursor cuts it out of a file.
  const bytes = Buffer.from(`before\t1${payload}\nbehind\t`)
  return { partition: 0, position: '7:01', appendedAt: receivedAt, events: 1, sequence: 0, payload: bytes.subarray(8, bytes.length - 8) }
}

const line = { workspace: 3, receivedAt, trust: 'public', reason: null, flags: [], json: '' } as const

it('cuts a record into its events, whose bytes are those of the record', () => {
  const lines = [
    encodeRecordLine({ ...line, json: eventJson('a') }),
    encodeRecordLine({ ...line, json: eventJson('b') }),
    encodeRecordLine({ ...line, workspace: 4, trust: 'secret', flags: ['imported', 'bad_timestamp'], json: eventJson('c') }),
    encodeRecordLine({ ...line, reason: 'bad_json', json: '{"messageId":"d","encoding":"utf8","raw":"ä","truncated":false}' }),
    encodeControlLine({ messageId: 'e', control: 'veto', a: 'x', b: 'y' }, { workspace: 3, receivedAt }),
  ]
  for (const payload of [lines.join(''), lines.join('').slice(0, -1)]) {
    const events = readRecord(record(payload))
    expect(events.map(({ workspace, trust, index, messageId }) => [workspace, trust, index, messageId])).toEqual([
      [3, 'public', 0, 'a'], [3, 'public', 1, 'b'], [4, 'secret', 2, 'c'], [3, 'public', 3, 'd'], [3, 'secret', 4, 'e'],
    ])
    expect(events[2]?.flags.toSorted()).toEqual(['bad_timestamp', 'imported'])
    expect(events.map(({ body }) => Object.keys(body)[0])).toEqual(['event', 'event', 'event', 'reason', 'control'])
    expect(Buffer.from(events[1]?.json ?? []).toString()).toBe(eventJson('b'))
  }
})

it('keeps a line that cannot be read as it came, and its neighbours as they are', () => {
  const good = encodeRecordLine({ ...line, json: eventJson('good') })
  const bad = ['', 'no tab at all', '\t{}', 'x,y,s,,\t{"messageId":"m"}', `3,${receivedAt},s,,\t{"messageId":"m"`, `3,${receivedAt},s,,\t{"messageId":"m","type":"nothing"}`]
  const events = readRecord(record(bad.map((text) => `${text}\n${good}`).join('')))
  expect(events).toHaveLength(bad.length * 2)
  for (const [index, event] of events.entries()) {
    if (index % 2 === 1) {
      expect(event).toMatchObject({ messageId: 'good', workspace: 3, receivedAt, trust: 'public' })
      continue
    }
    expect(event).toMatchObject({ messageId: `unreadable:7:01:${index}`, body: { reason: 'internal_error' } })
    expect(JSON.parse(Buffer.from(event.json).toString())).toMatchObject({ messageId: event.messageId, raw: bad[index / 2] })
  }
})

it('archives the bytes of an event as they came', () => {
  const [event] = readRecord(record(encodeRecordLine({ ...line, flags: ['imported'], json: eventJson('a', '\\u0001') })))
  if (event === undefined) throw new Error('there is no event')
  const written = (decision: Parameters<typeof writeArchiveLine>[2]): string => {
    const lines = new ByteWriter(10)
    writeArchiveLine(lines, event, decision)
    return lines.finish().toString()
  }
  const head = '{"pos":"7:01","i":0,'
  const middle = `,"receivedAt":${receivedAt},"workspace":3,"trust":"public","flags":["imported"],"event":`
  expect(written({ profileId: 'p', identifierKey: 'k' })).toBe(`${head}"profileId":"p","identifierKey":"k"${middle}${eventJson('a', '\\u0001')}}\n`)
  expect(written({ dropped: 'bad_json' })).toBe(`${head}"dropped":"bad_json"${middle}${eventJson('a', '\\u0001')}}\n`)
  expect(written({ dropped: 'suppressed' })).toBe(`${head}"dropped":"suppressed"${middle}{"messageId":"a"}}\n`)
  expect(written('duplicate')).toBe('')
})
