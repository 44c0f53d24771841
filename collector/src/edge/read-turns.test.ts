import { once } from 'node:events'
import { createServer } from 'node:http'
import { expect, it } from 'vitest'
import { type Connection, ReadTurns } from './read-turns.ts'

class Socket implements Connection {
  isRead = true
  #close: () => void = () => {}

  pause(): void {
    this.isRead = false
  }

  resume(): void {
    this.isRead = true
  }

  once(_event: 'close', told: () => void): void {
    this.#close = told
  }

  close(): void {
    this.#close()
  }
}

/** An event loop of which each request takes a quarter of a millisecond. */
class ManualLoop {
  time = 0
  #later: (() => void)[] = []
  readonly reads = new ReadTurns({ turnMs: 1, resumedPerTurn: 3, turnsMax: 10, now: () => this.time, later: (work) => void this.#later.push(work) })

  /** What of the sockets is read at this moment sends a request each, as long as it is. Answers how many did. */
  send(sockets: readonly Socket[], key: string, besideOthers = true): number {
    let came = 0
    for (const socket of sockets) {
      if (!socket.isRead) continue
      this.time += 0.25
      came += 1
      this.reads.came(socket, key, besideOthers)
    }
    return came
  }

  /** The event loop comes around; false: it has nothing to do. */
  turn(): boolean {
    const work = this.#later
    this.#later = []
    for (const one of work) one()
    return work.length > 0
  }
}

function sockets(count: number): readonly Socket[] {
  return Array.from({ length: count }, () => new Socket())
}

it('leaves the connections of the busiest key unread once a turn has read for long enough, and nobody else\'s', () => {
  const loop = new ManualLoop()
  const [noisy, quiet] = [sockets(100), sockets(3)]
  // Whose they are is known from what they sent before.
  for (const [all, key] of [[noisy, 'noisy'], [quiet, 'quiet']] as const) {
    for (const socket of all) {
      loop.send([socket], key)
      loop.turn()
    }
  }
  expect(loop.reads.unread).toBe(0)
  expect(loop.send(noisy, 'noisy')).toBe(5)
  expect(loop.reads.unread).toBe(100)
  expect(loop.send(quiet, 'quiet')).toBe(3)
  expect(quiet.every(({ isRead }) => isRead)).toBe(true)
})

it('reads all of them again, in the order of their line, within so many turns', () => {
  const loop = new ManualLoop()
  const noisy = sockets(100)
  for (const socket of noisy) {
    loop.send([socket], 'noisy')
    loop.turn()
  }
  loop.send(noisy, 'noisy')
  loop.turn()
  expect(noisy.map(({ isRead }) => isRead).lastIndexOf(true)).toBe(9)
  expect(noisy.filter(({ isRead }) => isRead).length).toBe(10)
  let turns = 1
  while (loop.turn()) turns += 1
  expect(loop.reads.unread).toBe(0)
  expect(noisy.every(({ isRead }) => isRead)).toBe(true)
  // A tenth of what is left each time, and three at least.
  expect(turns).toBeLessThanOrEqual(25)
})

it('serves all of a flood in the end', () => {
  const loop = new ManualLoop()
  const noisy = sockets(200)
  const waiting = new Set(noisy)
  let longest = 0
  for (let turn = 0; waiting.size > 0 && turn < 1_000; turn += 1) {
    const before = loop.time
    for (const socket of waiting) if (loop.send([socket], 'noisy') === 1) waiting.delete(socket)
    if (turn > 0) longest = Math.max(longest, loop.time - before)
    loop.turn()
  }
  expect(waiting.size).toBe(0)
  while (loop.turn()) expect(loop.reads.unread).toBeLessThan(200)
  expect(loop.reads.unread).toBe(0)
  expect(longest).toBeLessThan(5)
})

it('lets a key that is alone send as it likes, and forgets what is closed', () => {
  const loop = new ManualLoop()
  const alone = sockets(50)
  expect(loop.send(alone, 'alone', false)).toBe(50)
  expect(loop.reads.unread).toBe(0)
  loop.turn()
  loop.send(alone, 'alone')
  expect(loop.reads.unread).toBe(50)
  for (const socket of alone) socket.close()
  expect(loop.reads.unread).toBe(0)
  expect(loop.turn()).toBe(true)
  expect(loop.turn()).toBe(false)
})

it('knows a connection by the key of its last request', () => {
  const loop = new ManualLoop()
  const [proxy, own] = [new Socket(), sockets(10)]
  loop.send([proxy], 'noisy')
  loop.turn()
  loop.send([proxy], 'quiet')
  loop.turn()
  loop.send(own, 'noisy')
  expect([proxy.isRead, own[0]?.isRead]).toEqual([true, false])
})

it('answers a crowd on real sockets to its last request', async () => {
  const reads = new ReadTurns({ turnMs: 0, resumedPerTurn: 1 })
  let mostUnread = 0
  const server = createServer((incoming, outgoing) => {
    reads.came(incoming.socket, String(incoming.headers['x-write-key']), true)
    mostUnread = Math.max(mostUnread, reads.unread)
    incoming.resume().once('end', () => outgoing.end())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const body = 'x'.repeat(100_000)
  const send = async (key: string): Promise<number> => {
    const response = await fetch(`http://127.0.0.1:${port}`, { method: 'POST', body, headers: { 'x-write-key': key } })
    await response.arrayBuffer()
    return response.status
  }
  const statuses: number[] = []
  await Promise.all(Array.from({ length: 30 }, async (_, sender) => {
    for (let request = 0; request < 20; request += 1) statuses.push(await send(sender < 28 ? 'noisy' : 'quiet'))
  }))
  server.closeAllConnections()
  server.close()
  expect(statuses).toEqual(Array.from({ length: 600 }, () => 200))
  expect(mostUnread).toBeGreaterThan(1)
})
