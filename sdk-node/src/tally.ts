import { type DropReason, dropReasons, type Outcome, type RefusalReason, refusalReasons } from './outcomes.ts'

/** accepted = delivered + duplicate + quarantined + all dropped + queuedEvents + inFlight, at any moment. */
export interface Stats {
  /** Calls answered with `ok`, and events that an earlier client left in the queue directory and this one has read. */
  readonly accepted: number
  readonly delivered: number
  /** The collector had the event already. */
  readonly duplicate: number
  /** Kept aside by the collector: it can never succeed as it is. */
  readonly quarantined: number
  readonly dropped: Readonly<Record<DropReason, number>>
  readonly queuedEvents: number
  readonly queuedBytes: number
  /** Events in requests that have no answer yet. */
  readonly inFlight: number
  /** Calls answered without `ok`; not part of accepted. */
  readonly refused: Readonly<Record<RefusalReason, number>>
  /** Of accepted: those that an earlier client left. */
  readonly recovered: number
  /** Requests without an answer, or with one that says to come again. */
  readonly failedRequests: number
  /** What went wrong last, for people; null if nothing did. */
  readonly lastFailure: string | null
}

/** Counts events by what became of them. */
export class Tally {
  #accepted = 0
  #recovered = 0
  readonly #kinds = { delivered: 0, duplicate: 0, quarantined: 0 }
  readonly #dropped = zeroes(dropReasons)
  readonly #refused = zeroes(refusalReasons)

  get accepted(): number {
    return this.#accepted
  }

  accept(): void {
    this.#accepted += 1
  }

  recover(events: number): void {
    this.#accepted += events
    this.#recovered += events
  }

  refuse(reason: RefusalReason): void {
    this.#refused[reason] += 1
  }

  finish(outcome: Outcome): void {
    if (outcome.kind === 'dropped') this.#dropped[outcome.reason] += 1
    else this.#kinds[outcome.kind] += 1
  }

  /** The counts with the rest of the equation. */
  read(rest: Pick<Stats, 'queuedEvents' | 'queuedBytes' | 'inFlight' | 'failedRequests' | 'lastFailure'>): Stats {
    return {
      accepted: this.#accepted, ...this.#kinds, dropped: { ...this.#dropped }, ...rest,
      refused: { ...this.#refused }, recovered: this.#recovered,
    }
  }
}

function zeroes<Reason extends string>(reasons: readonly Reason[]): Record<Reason, number>
function zeroes(reasons: readonly string[]): Record<string, number> {
  return Object.fromEntries(reasons.map((reason) => [reason, 0]))
}
