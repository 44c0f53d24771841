import { createServer } from 'node:net'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runProgram } from '../test/run-program.ts'
import { Sink } from '../test/sink.ts'

/** Warnings of Node about itself are no part of what the SDK says. */
const silent = { code: 0, signal: null, output: '', errors: '' }

describe.concurrent('a process that ends by itself', () => {
  let sink: Sink
  const mute = createServer((socket) => socket.on('error', () => {}))
  const resetting = createServer((socket) => socket.resetAndDestroy())

  beforeAll(async () => {
    sink = await Sink.start()
    for (const server of [mute, resetting]) {
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
    }
  })

  afterAll(async () => {
    mute.close()
    resetting.close()
    await sink.stop()
  })

  const hostOf = (server: ReturnType<typeof createServer>): string => {
    const address = server.address()
    return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
  }

  it('delivers first', async () => {
    expect(await runProgram('track-and-end.ts', sink.host, '7')).toEqual(silent)
    expect(sink.ids.filter((id) => id.startsWith('m'))).toHaveLength(7)
  })

  it('delivers first in each worker thread', async () => {
    expect(await runProgram('track-in-workers.ts', sink.host)).toEqual(silent)
    for (const name of ['a', 'b']) expect(sink.requests.filter(({ ids }) => ids[0] === `${name}0`)[0]?.ids).toHaveLength(50)
  })

  it('delivers first in each process of a cluster', async () => {
    const other = await Sink.start()
    expect(await runProgram('track-in-cluster.ts', other.host)).toEqual(silent)
    expect(new Set(other.ids).size).toBe(100)
    expect(other.ids).toHaveLength(100)
    await other.stop()
  })

  it('ends with 0 where the collector answers 503', async () => {
    const other = await Sink.start()
    other.answer = (_, response) => {
      response.writeHead(503).end()
      return true
    }
    expect(await runProgram('track-and-end.ts', other.host, '3', '10000', '300')).toEqual(silent)
    expect(other.requests.length).toBeGreaterThan(0)
    await other.stop()
  })

  it('ends with 0 where connections are reset', async () => {
    expect(await runProgram('track-and-end.ts', hostOf(resetting), '3', '10000', '300')).toEqual(silent)
  })

  it('ends with 0 where nobody answers', async () => {
    expect(await runProgram('track-and-end.ts', hostOf(mute), '3', '50', '300')).toEqual(silent)
  })

  it('ends with 0 where the host has no address', async () => {
    expect(await runProgram('track-and-end.ts', 'http://nowhere.invalid', '3', '10000', '300')).toEqual(silent)
  })

  it('is not held up by a client without events', async () => {
    expect(await runProgram('track-and-end.ts', hostOf(mute), '0', '10000', '600000')).toEqual(silent)
  })
})
