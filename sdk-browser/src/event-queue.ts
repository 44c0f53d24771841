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
  /** Answers the number of events that are not persisted yet. */
  enqueue(json: string): number
  /** All that waits or is under way, in all tabs. */
  depth(): number
  /** Moves fresh events to the shelves, and drops the oldest of what is too much. */
  persist(): void
  /** Of all that is persisted, oldest first; with `isOwn` only what this page added. */
  waiting(isOwn?: boolean): readonly string[]
  read(key: string): string
  /** Takes it away, and counts why if it was given up; 0 if another tab was first, else 1. */
  remove(key: string, reason?: DropReason): number
  discard(reason: DropReason, count: number): void
}

/**
 * Events on their way: fresh in memory, then each under a key of its own that is written once and removed once. So tabs
 * need no agreement to write, only on who sends. Shelves are tried in order: local storage, this tab's own, memory.
 */
export function eventQueue(
  shelves: readonly Shelf[], prefix: string, onDropped?: (dropped: { readonly reason: DropReason; readonly count: number }) => void,
): EventQueue {
  const fresh: string[] = []
  const dropped: EventQueue['dropped'] = {}
  /** Tells the events of this page from those of all others. */
  let tag = ''
  let sequence = 1_000_000
  const queue: EventQueue = {
    dropped,
    enqueue: (json) => {
      if (fresh.push(json) > queueEventsMax) queue.persist()
      return fresh.length
    },
    depth: () => fresh.length + queue.waiting().length,
    persist: () => {
      const now = Date.now()
      tag ||= freshId(now).slice(23)
      for (const json of fresh.splice(0)) {
        const key = prefix + now + tag + sequence++
        shelves.some((shelf) => keep(shelf, key, json))
      }
      let [characters, events] = [0, 0]
      for (const key of [...queue.waiting()].reverse()) {
        characters += queue.read(key).length
        if (parseInt(key.slice(prefix.length)) < now - ageMsMax) queue.remove(key, 'expired')
        else if (characters > queueCharactersMax || ++events > queueEventsMax) queue.remove(key, 'queue_full')
      }
    },
    waiting: (isOwn) => shelves.flatMap(Object.keys).filter((key) => key.startsWith(prefix) && (!isOwn || key.includes(tag))).sort(),
    read: (key) => shelves.find((shelf) => shelf[key])?.[key] ?? '',
    remove: (key, reason) => {
      const count = queue.read(key) ? 1 : 0
      for (const shelf of shelves) delete shelf[key]
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
