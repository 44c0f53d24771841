import { keep, type Shelf } from './frame.ts'
import { freshId } from './fresh-id.ts'

/** Why an accepted event was given up. */
export type DropReason = 'queue_full' | 'expired' | 'too_large' | 'rejected' | 'consent'

export const queueEventsMax = 1_000
/** Two bytes each, of the ten million that browsers give an origin. */
const queueCharactersMax = 262_144
/** Below the time for which a collector remembers message ids, 7 days at least. */
const ageMsMax = 518_400_000

export interface EventQueue {
  readonly dropped: Partial<Record<DropReason, number>>
  /** Both as in a chunk. Answers how many events are not persisted yet. */
  enqueue(context: string, event: string): number
  /** All events that wait or are under way, in all tabs. */
  depth(): number
  /** Moves fresh events to the shelves, and drops the oldest of what is too much. */
  persist(): void
  /** All that is persisted, oldest first; with `isOwn` only what this page added. */
  waiting(isOwn?: boolean): readonly Chunk[]
  /** Takes those events away, and counts why if they were given up. Answers how many there were. */
  remove(isMeant: (event: string, addedAt: number) => unknown, reason?: DropReason): number
  discard(reason: DropReason, count: number): void
}

/**
 * The fields of context that its events share, as JSON without braces, and then the events: as JSON, each without the
 * `{"context":{` that it begins with.
 */
export type Chunk = readonly string[]

/**
 * Events on their way: fresh in memory, then in chunks, each under a key of its own. The page that made a chunk writes it
 * once; who sends takes out what was confirmed. So tabs need no agreement to write, only on who sends. Shelves are tried
 * in order: local storage, this tab's own, memory.
 */
export function eventQueue(
  shelves: readonly Shelf[], prefix: string, onDropped?: (dropped: { readonly reason: DropReason; readonly count: number }) => void,
): EventQueue {
  let fresh: string[][] = []
  let freshEvents = 0
  const dropped: EventQueue['dropped'] = {}
  /** Tells the chunks of this page from those of all others. */
  const tag = freshId().slice(23)
  let sequence = 1_000_000
  const keys = (isOwn?: boolean): readonly string[] =>
    shelves.flatMap(Object.keys).filter((key) => key.startsWith(prefix) && (!isOwn || key.includes(tag))).sort()
  const read = (key: string): Chunk => shelves.find((shelf) => shelf[key])?.[key]?.split('\n') ?? []
  const queue: EventQueue = {
    dropped,
    enqueue: (context, event) => {
      const chunk = fresh.at(-1)
      if (chunk?.[0] === context) chunk.push(event)
      else fresh.push([context, event])
      if (++freshEvents > queueEventsMax) queue.persist()
      return freshEvents
    },
    depth: () => queue.waiting().reduce((sum, chunk) => sum + chunk.length - 1, freshEvents),
    persist: () => {
      const now = Date.now()
      for (const chunk of fresh) shelves.some((shelf) => keep(shelf, prefix + now + tag + sequence++, chunk.join('\n')))
      fresh = []
      freshEvents = 0
      queue.remove((_, addedAt) => addedAt < now - ageMsMax, 'expired')
      let events = queue.depth() - queueEventsMax
      let characters = queue.waiting().join().length - queueCharactersMax
      queue.remove((event) => events-- > 0 || (characters -= event.length) > -event.length, 'queue_full')
    },
    waiting: (isOwn) => keys(isOwn).map(read),
    remove: (isMeant, reason) => {
      let count = 0
      for (const key of keys()) {
        const [context, ...all] = read(key)
        const left = all.filter((event) => !isMeant(event, parseInt(key.slice(prefix.length))))
        count += all.length - left.length
        for (const shelf of left.length < all.length ? shelves : []) {
          if (!shelf[key] || !left.length) delete shelf[key]
          else keep(shelf, key, [context, ...left].join('\n'))
        }
      }
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
