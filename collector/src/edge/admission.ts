import { DayUsage, secondsLeftOfDay } from './day-usage.ts'
import type { KeyInfo } from './key-ring.ts'
import { Refused } from './status.ts'
import { type BucketSize, TokenBuckets } from './token-bucket.ts'

/**
 * Who asks again at least this often hears of a raised limit in good time; SDKs wait no longer in any case.
 */
const waitSecondsMax = 300

export interface Load {
  readonly events: number
  /** Of the body, after decompression. */
  readonly bytes: number
}

/**
 * The limits of each key and the one of its workspace, asked before a request is read and paid once it is known what
 * it carries. One request may go beyond a limit; the next ones then wait until that is paid off.
 */
export class Admission {
  readonly #workspaceSize: BucketSize
  readonly #workspaces = new TokenBuckets<number>()
  readonly #keyEvents = new TokenBuckets<string>()
  readonly #keyBytes = new TokenBuckets<string>()
  readonly #usage: DayUsage

  constructor(workspaceEventsPerSecondMax: number, usage: DayUsage = new DayUsage()) {
    this.#workspaceSize = { perSecond: workspaceEventsPerSecondMax, burst: workspaceEventsPerSecondMax }
    this.#usage = usage
  }

  /** Fails with `rate_limited`, which says when to ask again. `now` in epoch milliseconds. */
  check({ workspace, id, limits }: KeyInfo, now: number): void {
    const workspaceWait = this.#workspaces.waitSeconds(workspace, this.#workspaceSize, now)
    if (workspaceWait > 0) throw tooMuch('the workspace sends more events a second than it may', 'workspace_events_per_second', workspaceWait)
    const events = eventsSize(limits)
    const eventsWait = events === null ? 0 : this.#keyEvents.waitSeconds(id, events, now)
    if (eventsWait > 0) throw tooMuch('the key sends more events a second than it may', 'key_events_per_second', eventsWait)
    const bytes = bytesSize(limits)
    const bytesWait = bytes === null ? 0 : this.#keyBytes.waitSeconds(id, bytes, now)
    if (bytesWait > 0) throw tooMuch('the key sends more bytes a second than it may', 'key_bytes_per_second', bytesWait)
    if (limits.eventsPerDay !== null && this.#usage.of(id, now) >= limits.eventsPerDay) {
      throw tooMuch('the key has sent as many events as it may in a day (UTC)', 'key_events_per_day', secondsLeftOfDay(now))
    }
  }

  /** A request of the key was let in and carries this. */
  pay({ workspace, id, limits }: KeyInfo, { events, bytes }: Load, now: number): void {
    this.#workspaces.pay(workspace, { size: this.#workspaceSize, amount: events }, now)
    const eventsBucket = eventsSize(limits)
    if (eventsBucket !== null) this.#keyEvents.pay(id, { size: eventsBucket, amount: events }, now)
    const bytesBucket = bytesSize(limits)
    if (bytesBucket !== null) this.#keyBytes.pay(id, { size: bytesBucket, amount: bytes }, now)
    if (limits.eventsPerDay !== null) this.#usage.add(id, events, now)
  }

  /** So many of the events paid for were not stored: the day's quota is not charged with what comes again. */
  refund({ id, limits }: KeyInfo, events: number, now: number): void {
    if (limits.eventsPerDay !== null && events > 0) this.#usage.add(id, -events, now)
  }
}

function eventsSize({ eventsPerSecond, burstEvents }: KeyInfo['limits']): BucketSize | null {
  return eventsPerSecond === null ? null : { perSecond: eventsPerSecond, burst: burstEvents ?? eventsPerSecond }
}

function bytesSize({ bytesPerSecond }: KeyInfo['limits']): BucketSize | null {
  return bytesPerSecond === null ? null : { perSecond: bytesPerSecond, burst: bytesPerSecond }
}

function tooMuch(message: string, reason: Refused['reason'], wait: number): Refused {
  return new Refused(message, { code: 'rate_limited', reason, waitSeconds: Math.min(waitSecondsMax, Math.ceil(wait)) })
}
