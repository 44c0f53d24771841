import { describe, expect, it } from 'vitest'
import { FairTurns } from './fair-turns.ts'

/** An event loop whose turns are made by hand, and work that takes as long as it says. */
class ManualLoop {
  time = 0
  done: string[] = []
  hasRoom = true
  #later: (() => void)[] = []
  readonly turns = new FairTurns({ sliceMs: 2, now: () => this.time, later: (work) => void this.#later.push(work), hasRoom: () => this.hasRoom })

  ask(key: string, ms: number, name = key): void {
    Promise.resolve(this.turns.run(key, ms * 1_000, () => {
      this.time += ms
      this.done.push(name)
    })).catch((error: unknown) => this.done.push(String(error)))
  }

  /** The event loop comes around; answers what was done meanwhile. */
  turn(): readonly string[] {
    this.done = []
    const work = this.#later
    this.#later = []
    for (const one of work) one()
    return this.done
  }
}

describe('turns', () => {
  it('are no matter while there is time', () => {
    const loop = new ManualLoop()
    loop.ask('a', 0.9)
    loop.ask('b', 0.9)
    expect(loop.done).toEqual(['a', 'b'])
    expect(loop.turns.waiting).toBe(0)
  })

  it('come after a slice at most to a key that asks for one thing, however much another waits for', () => {
    const loop = new ManualLoop()
    for (let index = 0; index < 1_000; index += 1) loop.ask('noisy', 0.4)
    expect(loop.done.length).toBe(5)
    // A byte took a microsecond, and 995 pieces of 0.4 ms wait.
    expect(loop.turns.expectedWaitMs('noisy')).toBeGreaterThan(0)
    expect(loop.turns.expectedWaitMs('noisy')).toBeLessThanOrEqual(398.1)
    loop.turn()
    for (const name of ['quiet, at once', 'quiet']) loop.ask('quiet', 0.1, name)
    expect(loop.done.at(-1)).toBe('quiet, at once')
    expect(loop.turns.expectedWaitMs('nobody')).toBe(0)
    const done = loop.turn()
    expect(done).toContain('quiet')
    expect(done.length).toBeLessThanOrEqual(8)
  })

  it('come at once to a key that has nothing in line, and only once a round', () => {
    const loop = new ManualLoop()
    for (let index = 0; index < 100; index += 1) loop.ask('noisy', 3)
    loop.done = []
    loop.ask('quiet', 0.2, 'first')
    expect(loop.done).toEqual(['first'])
    loop.ask('quiet', 0.2, 'second')
    loop.ask('quiet', 0.2, 'third')
    expect(loop.done).toEqual(['first'])
    const done = [...loop.turn(), ...loop.turn(), ...loop.turn(), ...loop.turn()]
    expect(done.filter((name) => name !== 'noisy')).toEqual(['second', 'third'])
    expect(done).toContain('noisy')
  })

  it('are not for senders alone that come in ever so small pieces', () => {
    const loop = new ManualLoop()
    for (let index = 0; index < 100; index += 1) loop.ask('noisy', 3)
    loop.done = []
    let served = 0
    for (let round = 0; round < 200; round += 1) {
      for (let key = 0; key < 20; key += 1) loop.ask(`small ${key}`, 0.2)
      served += loop.turn().filter((name) => name === 'noisy').length
    }
    // Each of 21 keys has its share of the time; a noisy piece takes as much as fifteen small ones.
    expect(served).toBeGreaterThanOrEqual(5)
  })

  it('share time, not requests', () => {
    const loop = new ManualLoop()
    loop.ask('noisy', 3)
    for (let index = 0; index < 200; index += 1) loop.ask('heavy', 4)
    for (let index = 0; index < 200; index += 1) loop.ask('light', 0.5)
    const done: string[] = []
    while (done.filter((name) => name === 'light').length < 100) done.push(...loop.turn())
    expect(done.filter((name) => name === 'heavy').length).toBeLessThanOrEqual(14)
    expect(done.filter((name) => name === 'heavy').length).toBeGreaterThanOrEqual(11)
  })

  it('stand while what comes behind has no room, but for one piece of work of each key', () => {
    const loop = new ManualLoop()
    loop.ask('noisy', 0.2, 'noisy, before')
    loop.hasRoom = false
    for (const name of ['noisy, its one', 'noisy 2', 'noisy 3']) loop.ask('noisy', 0.2, name)
    loop.ask('quiet', 0.1)
    expect(loop.done).toEqual(['noisy, before', 'noisy, its one', 'quiet'])
    expect(loop.turn()).toEqual([])
    // Nothing turns in vain until it is told so.
    loop.hasRoom = true
    expect(loop.turn()).toEqual([])
    loop.turns.goOn()
    expect(loop.turn()).toEqual(['noisy 2', 'noisy 3'])
    expect(loop.turns.waiting).toBe(0)
  })

  it('keep the order of a key, and lose nothing', () => {
    const loop = new ManualLoop()
    const wanted = Array.from({ length: 300 }, (_, index) => `${index}`)
    for (const name of wanted) loop.ask('a', 0.3, name)
    const done = [...loop.done]
    for (let round = 0; round < 200; round += 1) done.push(...loop.turn())
    expect(done).toEqual(wanted)
    expect(loop.turns.waiting).toBe(0)
    expect(loop.turn()).toEqual([])
  })

  it('fail as the work does, and go on', async () => {
    const loop = new ManualLoop()
    loop.ask('a', 5)
    const failing = loop.turns.run('a', 1, () => {
      throw new Error('no')
    })
    loop.ask('a', 1, 'next')
    for (let round = 0; round < 3; round += 1) loop.turn()
    await expect(failing).rejects.toThrow('no')
    expect(loop.turns.waiting).toBe(0)
  })

  it('happen on a real event loop', async () => {
    const turns = new FairTurns({ sliceMs: 0.001 })
    expect(await Promise.all([1, 2, 3].map(async (value) => turns.run(String(value), 1, () => value)))).toEqual([1, 2, 3])
  })
})
