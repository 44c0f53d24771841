import { Choices } from '../fuzz/random.ts'

/** What the clocks of a history show when it begins. */
export const beginMs = Date.UTC(2026, 2, 1)

interface Entry {
  readonly at: number
  /** Entries of one instant run in the order they were made. */
  readonly order: number
  run: (() => void) | null
}

export type Cancel = () => void

/** Entries run before Node itself gets a turn, so that a signal can end a long run. */
const turnEvery = 20_000

/**
 * Time, chance and order of one history. Nothing happens in it but entries of one queue: each runs at its virtual instant, and then
 * every promise that can go on goes on before the next entry does. So a history is a function of its seed.
 */
export class World {
  readonly seed: number
  readonly choices: Choices
  /** Virtual milliseconds since the history began. */
  now = 0
  /** What was found to be wrong; the first ends the history. */
  readonly violations: string[] = []
  /** What went wrong on purpose, and what the product said no to, by name. */
  readonly counts = new Map<string, number>()
  readonly #queue: Entry[] = []
  readonly #trace: ((line: string) => void) | null
  #order = 0
  #hash = 0x811c_9dc5

  constructor(seed: number, trace: ((line: string) => void) | null = null) {
    this.seed = seed
    this.choices = new Choices(seed, 0)
    this.#trace = trace
  }

  after(ms: number, run: () => void): Cancel {
    const entry: Entry = { at: this.now + ms, order: this.#order, run }
    this.#order += 1
    push(this.#queue, entry)
    return () => {
      entry.run = null
    }
  }

  /** A whole number of milliseconds, mostly near the least. */
  delay(least: number, most: number): number {
    const { choices } = this
    return choices.chance(0.9) ? least + choices.below(Math.max(1, (most - least) / 10)) : least + choices.below(Math.max(1, most - least))
  }

  /** One line of what happened: all of them make up {@link hash}. */
  note(line: string): void {
    this.#trace?.(`${this.now} ${line}`)
    let hash = Math.imul(this.#hash ^ this.now, 0x0100_0193)
    for (let index = 0; index < line.length; index += 1) hash = Math.imul(hash ^ line.charCodeAt(index), 0x0100_0193)
    this.#hash = hash
  }

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1)
  }

  violated(what: string): void {
    this.note(`VIOLATED ${what}`)
    this.violations.push(what)
  }

  /** Of everything noted so far, with when. */
  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0')
  }

  /** Runs entries until the virtual instant, or until `over`, or until something is violated. */
  async runUntil(until: number, over: () => boolean = () => false): Promise<void> {
    await allSettled(false)
    for (let ran = 1; this.violations.length === 0 && !over(); ran += 1) {
      const entry = this.#queue[0]
      if (entry === undefined || entry.at > until) {
        this.now = until
        return
      }
      pop(this.#queue)
      if (entry.run === null) continue
      this.now = entry.at
      entry.run()
      await allSettled(ran % turnEvery === 0)
    }
  }
}

/** Node runs what is ticked after all promises that can go on. */
function allSettled(withTurn: boolean): Promise<void> {
  return new Promise((resolve) => {
    if (withTurn) setImmediate(resolve)
    else process.nextTick(resolve)
  })
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}

/** Onto a binary heap with the first entry on top. */
function push(heap: Entry[], entry: Entry): void {
  let at = heap.length
  heap.push(entry)
  while (at > 0) {
    const above = (at - 1) >>> 1
    const parent = heap[above]
    if (parent === undefined || !isBefore(entry, parent)) break
    heap[at] = parent
    at = above
  }
  heap[at] = entry
}

function pop(heap: Entry[]): void {
  const last = heap.pop()
  if (last === undefined || heap.length === 0) return
  let at = 0
  for (;;) {
    let below = 2 * at + 1
    const left = heap[below]
    const right = heap[below + 1]
    let child = left
    if (right !== undefined && left !== undefined && isBefore(right, left)) {
      child = right
      below += 1
    }
    if (child === undefined || !isBefore(child, last)) break
    heap[at] = child
    at = below
  }
  heap[at] = last
}
