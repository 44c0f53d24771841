import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ManualClock } from '../../test/manual-clock.ts'
import { startProgram } from '../../test/run-program.ts'
import { Sink } from '../../test/sink.ts'
import { Millrace } from '../millrace.ts'
import { Spool } from './spool.ts'
import type { SpooledEvent } from './spool-frame.ts'

let sink: Sink
let directory: string
const clients: Millrace[] = []

beforeEach(async () => {
  sink = await Sink.start()
  directory = mkdtempSync(join(tmpdir(), 'millrace-queue-'))
})

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close({ timeoutMs: 0 })))
  await sink.stop()
  rmSync(directory, { recursive: true })
})

function connect(options: Partial<ConstructorParameters<typeof Millrace>[0]> = {}): Millrace {
  const client = new Millrace({ writeKey: 'wk', host: sink.host, queueDir: directory, ...options })
  clients.push(client)
  return client
}

function order(id: string): Parameters<Millrace['track']>[0] {
  return { userId: 'u', event: 'Order Completed', messageId: id, properties: { name: 'Ärmel' } }
}

function segments(): readonly string[] {
  return readdirSync(directory).filter((name) => name.endsWith('.events'))
}

describe('a client with a queue directory', () => {
  it('sends what a killed process had accepted, with the same ids, and forgets it then', async () => {
    sink.answer = (_, response) => {
      response.writeHead(503).end()
      return true
    }
    const program = startProgram('track-to-disk.ts', sink.host, directory, '250', 'k')
    await program.printed('all tracked')
    program.child.kill('SIGKILL')
    const { output } = await program.end
    const accepted = output.split('\n').filter((line) => line.startsWith('k'))
    expect(accepted).toHaveLength(250)
    sink.requests.length = 0
    sink.answer = () => false
    const next = connect()
    next.track(order('new'))
    await next.flush()
    // What the killed process had on the wire may still arrive behind it: the same ids, which a collector stores once.
    expect([...new Set(sink.ids)].toSorted()).toEqual([...accepted, 'new'].toSorted())
    expect(next.stats()).toMatchObject({ accepted: 251, recovered: 250, delivered: 251, queuedEvents: 0 })
    await next.close()
    expect(segments()).toEqual([])
  })

  it('is the only one of its directory, and frees it however it ends', async () => {
    const program = startProgram('track-to-disk.ts', sink.host, directory, '1', 'k')
    await program.printed('all tracked')
    expect(() => connect()).toThrow(/is used by another client/)
    program.child.kill('SIGKILL')
    await program.end
    const first = connect()
    expect(() => connect()).toThrow(/is used by another client/)
    await first.close()
    expect(connect().stats().accepted).toBe(0)
  })

  it('keeps what close could not deliver for the next, and does not send again what was delivered', async () => {
    sink.answer = ({ ids }, response) => {
      response.end(JSON.stringify({ results: ids.map((id) => ({ result: id === 'b' ? 'retry' : 'ok' })) }))
      return true
    }
    const first = connect({ flushAt: 3 })
    for (const id of ['a', 'b', 'c']) first.track(order(id))
    await expect.poll(() => first.stats().delivered).toBe(2)
    expect(await first.close({ timeoutMs: 0 })).toEqual({ left: 1 })
    sink.requests.length = 0
    sink.answer = () => false
    const second = connect()
    await second.flush()
    expect(sink.ids).toEqual(['b'])
    expect(sink.requests[0]?.body).toMatchObject({ batch: [{ messageId: 'b', properties: { name: 'Ärmel' } }] })
  })

  it('refuses events at the bound of the directory and when it cannot be written', async () => {
    sink.answer = () => true
    const client = connect({ queueDirBytesMax: 1_048_576 })
    const text = 'x'.repeat(20_000)
    const results = Array.from({ length: 80 }, (_, index) => client.track({ ...order(`m${index}`), properties: { text } }))
    const refused = results.filter(({ ok }) => !ok)
    expect(refused[0]).toMatchObject({ reason: 'queue_full' })
    expect(segments().reduce((sum, name) => sum + statSync(join(directory, name)).size, 0)).toBeLessThanOrEqual(1_048_576)
    await client.close({ timeoutMs: 0 })
    rmSync(directory, { recursive: true })
    const gone = connect()
    rmSync(directory, { recursive: true })
    expect(gone.track(order('m'))).toMatchObject({ ok: false, reason: 'spool_failed' })
    expect(gone.stats().refused.spool_failed).toBe(1)
    await gone.close({ timeoutMs: 0 })
    writeFileSync(`${directory}-file`, '')
    expect(() => connect({ queueDir: `${directory}-file` })).toThrow()
    rmSync(`${directory}-file`)
    connect()
  })
})

describe('the files', () => {
  const clock = new ManualClock()
  const open = (bytesMax = 100_000_000): Spool => Spool.open(directory, { bytesMax, clock })
  const spooled = (id: string): SpooledEvent => {
    const bytes = Buffer.from(JSON.stringify({ id }))
    return { messageId: id, json: { chunk: { bytes, pooled: false, events: 1 }, start: 0, end: bytes.length }, acceptedAt: 1 }
  }
  const leftOf = async (spool: Spool): Promise<readonly string[]> => {
    const ids: string[] = []
    for (let left = await spool.nextLeft(); left !== null; left = await spool.nextLeft()) {
      for (const { messageId, json: { chunk, start, end } } of left.events) {
        expect(JSON.parse(chunk.bytes.toString('utf8', start, end))).toEqual({ id: messageId })
        ids.push(messageId)
      }
    }
    return ids
  }

  it('cut at any byte give back every whole event before the cut', async () => {
    const writer = open()
    const ends: number[] = []
    for (const id of ['a', 'bb', 'ccc']) {
      writer.append(spooled(id))
      ends.push(statSync(join(directory, segments()[0] ?? '')).size)
    }
    writer.close()
    const whole = readFileSync(join(directory, '000000000001.events'))
    for (let length = whole.length; length >= 0; length -= 1) {
      writeFileSync(join(directory, '000000000001.events'), whole)
      truncateSync(join(directory, '000000000001.events'), length)
      const reader = open()
      expect(await leftOf(reader)).toEqual(['a', 'bb', 'ccc'].slice(0, ends.filter((end) => end <= length).length))
      reader.close()
    }
  })

  it('with a damaged byte give back the events before it, and leave the file for people', async () => {
    const writer = open()
    for (const id of ['a', 'b', 'c']) writer.append(spooled(id))
    writer.close()
    const path = join(directory, segments()[0] ?? '')
    const bytes = readFileSync(path)
    const at = Math.floor(bytes.length / 2)
    bytes[at] = (bytes[at] ?? 0) ^ 1
    writeFileSync(path, bytes)
    const reader = open()
    const left = await reader.nextLeft()
    expect(left?.events.map(({ messageId }) => messageId)).toEqual(['a'])
    expect(left?.damagedBytes).toBeGreaterThan(0)
    reader.settle((left?.events ?? []).map(({ index }) => ({ segment: left?.segment ?? expect.fail(), index })))
    reader.close()
    expect(readdirSync(directory).filter((name) => name !== 'lock')).toEqual(['damaged'])
  })

  it('go when all their events are settled, and a torn mark repeats an event rather than losing one', async () => {
    const writer = open()
    const places = ['a', 'b', 'c'].map((id) => writer.append(spooled(id)))
    writer.settle(places.slice(0, 2))
    writer.close()
    truncateSync(join(directory, '000000000001.done'), 7)
    const reader = open()
    const left = await reader.nextLeft()
    expect(left?.events.map(({ messageId }) => messageId)).toEqual(['b', 'c'])
    reader.settle((left?.events ?? []).map(({ index }) => ({ segment: left?.segment ?? expect.fail(), index })))
    reader.close()
    expect(readdirSync(directory).filter((name) => name !== 'lock')).toEqual([])
  })

  it('are read oldest first, and foreign files are let be', async () => {
    for (const id of ['a', 'b']) {
      const writer = open()
      writer.append(spooled(id))
      writer.close()
    }
    appendFileSync(join(directory, 'note.txt'), 'mine')
    const reader = open()
    expect(await leftOf(reader)).toEqual(['a', 'b'])
    reader.close()
    expect(readFileSync(join(directory, 'note.txt'), 'utf8')).toBe('mine')
  })
})
