import { keep, type Shelf } from './frame.ts'
import { freshId } from './fresh-id.ts'

/** Why an accepted event was given up. */
export type DropReason = 'queue_full' | 'expired' | 'too_large' | 'rejected' | 'consent'

export const queueEventsMax = 1_000
/** Two bytes each, of the ten million that browsers give an origin. */
const queueCharactersMax = 262_144
/** A chunk takes no further event after so many: what is dropped or sent at once is not much more than need be. */
const chunkCharacters = 4_000
/** Below the time for which a collector remembers message ids, 7 days at least. */
const ageMsMax = 518_400_000

export interface EventQueue {
  readonly dropped: Partial<Record<DropReason, number>>
  /** Both as JSON: `context` is what the event shares with its neighbours. Answers how many events are not persisted yet. */
  enqueue(context: string, event: string): number
  /** All events that wait or are under way, in all tabs. */
  depth(): number
  /** Moves fresh events to the shelves, and drops the oldest of what is too much. */
  persist(): void
  /** Keys of all chunks that are persisted, oldest first; with `isOwn` only those of this page. */
  waiting(isOwn?: boolean): readonly string[]
  /** A chunk's shared context, and then its events; nothing if it is gone. */
  read(key: string): readonly string[]
  /** Takes those events, or all, out of a chunk, and counts why if they were given up. Answers how many were still there. */
  remove(key: string, reason?: DropReason, events?: ReadonlySet<string>): number
  discard(reason: DropReason, count: number): void
}

/**
 * Events on their way: fresh in memory, then in chunks of a few, each under a key of its own. Only the page that made a
 * chunk adds to it, and only before it is written; who sends takes out what was confirmed. So tabs need no agreement to
 * write, only on who sends. Shelves are tried in order: local storage, this tab's own, memory.
 */
export function eventQueue(
  shelves: readonly Shelf[], prefix: string, onDropped?: (dropped: { readonly reason: DropReason; readonly count: number }) => void,
): EventQueue {
  /** Chunks in the form of `read`. */
  let fresh: string[][] = []
  let freshEvents = 0
  let characters = 0
  const dropped: EventQueue['dropped'] = {}
  /** Tells the chunks of this page from those of all others. */
  let tag = ''
  let sequence = 1_000_000
  const queue: EventQueue = {
    dropped,
    enqueue: (context, event) => {
      let chunk = fresh.at(-1)
      if (chunk?.[0] !== context || characters > chunkCharacters) {
        fresh.push(chunk = [context])
        characters = 0
      }
      chunk.push(event)
      characters += event.length
      if (++freshEvents > queueEventsMax) queue.persist()
      return freshEvents
    },
    depth: () => queue.waiting().reduce((sum, key) => sum + queue.read(key).length - 1, freshEvents),
    persist: () => {
      const now = Date.now()
      tag ||= freshId(now).slice(23)
      for (const chunk of fresh) {
        const key = prefix + now + tag + sequence++
        shelves.some((shelf) => keep(shelf, key, chunk.join('\n')))
      }
      fresh = []
      freshEvents = 0
      let [kept, events] = [0, 0]
      for (const key of [...queue.waiting()].reverse()) {
        const chunk = queue.read(key)
        kept += chunk.join().length
        events += chunk.length - 1
        if (parseInt(key.slice(prefix.length)) < now - ageMsMax) queue.remove(key, 'expired')
        else if (kept > queueCharactersMax || events > queueEventsMax) queue.remove(key, 'queue_full')
      }
    },
    waiting: (isOwn) => shelves.flatMap(Object.keys).filter((key) => key.startsWith(prefix) && (!isOwn || key.includes(tag))).sort(),
    read: (key) => shelves.find((shelf) => shelf[key])?.[key]?.split('\n') ?? [],
    remove: (key, reason, events) => {
      const [context, ...all] = queue.read(key)
      const left = all.filter((event) => events && !events.has(event))
      for (const shelf of shelves) {
        if (!shelf[key]) continue
        if (left.length > 0) keep(shelf, key, [context, ...left].join('\n'))
        else delete shelf[key]
      }
      const count = all.length - left.length
      if (reason) queue.discard(reason, count)
      return count
    },
    discard: (reason, count) => {
      if (!count) return
      dropped[reason] = (dropped[reason] ?? 0) + count
      // On a stack of its own: what it throws is the page's.
      if (onDropped) setTimeout(onDropped, 0, { reason, count })
    },
  }
  return queue
}
