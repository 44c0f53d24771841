import { keep, type Shelf } from './frame.ts'
import { freshId, randomPart } from './fresh-id.ts'

/** Why an accepted event was given up. */
export type DropReason = 'queue_full' | 'expired' | 'too_large' | 'rejected' | 'consent'

/** Two bytes each, of the ten million that browsers give an origin; fewer than a thousand events, since none is under 300. */
const queueCharactersMax = 262_144
/** Below the time for which a collector remembers message ids, 7 days at least. */
const ageMsMax = 518_400_000

export interface EventQueue {
  readonly dropped: Partial<Record<DropReason, number>>
  /** Events that are made into JSON when they are persisted. */
  readonly fresh: (() => string)[]
  /** Moves fresh events to the shelves, and drops the oldest of what is too much. */
  persist(): void
  /** All that is persisted, oldest first; with `isOwn` only what this page added. */
  waiting(isOwn?: true): readonly string[]
  /** Takes those events away, told with the key of their chunk, and counts why if they were given up. Answers how many there were. */
  remove(isMeant: (event: string, key: string) => boolean, reason?: DropReason): number
  discard(reason: DropReason, count: number): void
}

/**
 * Events on their way: fresh in memory, then line by line in chunks, each under an id of its own, which tells when. The
 * page that made a chunk writes it once; who sends takes out what was confirmed. So tabs need no agreement to write, only
 * on who sends. Shelves are tried in order: local storage, this tab's own, memory.
 */
export function eventQueue(
  shelves: readonly Shelf[], prefix: string, onDropped?: (dropped: { readonly reason: DropReason; readonly count: number }) => void,
): EventQueue {
  const dropped: EventQueue['dropped'] = {}
  /** Tells the chunks of this page from those of all others. */
  const tag = randomPart()
  const keys = (mark = prefix): readonly string[] => shelves.flatMap(Object.keys).filter((key) => key.includes(mark)).sort()
  const read = (key: string): readonly string[] => shelves.flatMap((shelf) => shelf[key]?.split('\n') ?? [])
  const queue: EventQueue = {
    dropped,
    fresh: [],
    persist: () => {
      const chunk = queue.fresh.splice(0).map((finish) => finish()).join('\n')
      if (chunk) shelves.some((shelf) => keep(shelf, prefix + freshId(Date.now(), tag), chunk))
      queue.remove((_, key) => key < prefix + freshId(Date.now() - ageMsMax), 'expired')
      let surplus = queue.waiting().join().length - queueCharactersMax
      queue.remove((event) => (surplus -= event.length) > -event.length, 'queue_full')
    },
    waiting: (isOwn) => keys(isOwn && tag).flatMap(read),
    remove: (isMeant, reason) => {
      let count = 0
      for (const key of keys()) {
        const all = read(key)
        const left = all.filter((event) => !isMeant(event, key))
        const gone = all.length - left.length
        count += gone
        for (const shelf of gone ? shelves : []) {
          if (shelf[key] && left[0]) keep(shelf, key, left.join('\n'))
          else delete shelf[key]
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
