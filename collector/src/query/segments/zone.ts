import { MillraceError } from '../../platform/errors.ts'

export const dayMs = 86_400_000
/** Where no two changes of a zone's clocks are nearer to each other. */
const windowMs = 26 * 3_600_000
const knownDaysMax = 20_000

/** A date of the calendar; months count from 1. */
export interface CivilDate {
  readonly year: number
  readonly month: number
  readonly day: number
}

/**
 * The calendar of an IANA time zone. A day is numbered from 1970-01-01 and begins at the first instant at which the zone's
 * clocks show its date or a later one: at 01:00 where they are set forward at midnight, and a date that a zone left out
 * begins with the next. So every instant is of one day, and days follow each other, whatever clocks do.
 */
export class Zone {
  readonly name: string
  readonly isUtc: boolean
  readonly #format: Intl.DateTimeFormat | null
  readonly #starts = new Map<number, number>()

  /** Fails with `bad_config` for a name that is no zone's. */
  constructor(name: string) {
    this.name = name
    this.isUtc = name === 'UTC'
    this.#format = this.isUtc ? null : formatOf(name)
  }

  /** The number of the day of an instant. */
  dayOf(ms: number): number {
    let day = Math.floor((ms + this.#offsetAt(ms)) / dayMs)
    while (this.startOf(day + 1) <= ms) day += 1
    while (this.startOf(day) > ms) day -= 1
    return day
  }

  /** The first instant of a day, epoch milliseconds. */
  startOf(day: number): number {
    if (this.#format === null) return day * dayMs
    const known = this.#starts.get(day)
    if (known !== undefined) return known
    const start = this.#findStart(day * dayMs)
    if (this.#starts.size >= knownDaysMax) this.#starts.clear()
    this.#starts.set(day, start)
    return start
  }

  /** The first day that does not begin before the instant. */
  dayFrom(ms: number): number {
    let day = this.dayOf(ms)
    if (this.startOf(day) < ms) day += 1
    while (this.startOf(day - 1) >= ms) day -= 1
    return day
  }

  /** `midnight`: as if the date were in UTC. */
  #findStart(midnight: number): number {
    let before = midnight - windowMs
    let after = midnight + windowMs
    const [old, fresh] = [this.#offsetAt(before), this.#offsetAt(after)]
    if (old === fresh) return midnight - old
    while (after - before > 1) {
      const middle = Math.floor((before + after) / 2)
      if (this.#offsetAt(middle) === old) before = middle
      else after = middle
    }
    if (midnight - old < after) return midnight - old
    return Math.max(after, midnight - fresh)
  }

  #offsetAt(ms: number): number {
    if (this.#format === null) return 0
    const whole = Math.floor(ms / 1_000) * 1_000
    const parts = new Map(this.#format.formatToParts(whole).map(({ type, value }) => [type, Number(value)]))
    const part = (name: Intl.DateTimeFormatPartTypes): number => parts.get(name) ?? 0
    return Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second')) - whole
  }
}

function formatOf(name: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat('en-US', {
      timeZone: name, calendar: 'iso8601', hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric',
    })
  } catch (error) {
    throw new MillraceError('bad_config', `${JSON.stringify(name)} is no time zone; give a name such as Europe/London`, { cause: error })
  }
}

export function civilOf(day: number): CivilDate {
  const date = new Date(day * dayMs)
  return { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() }
}

/** The month may be any whole number, as that of `Date.UTC` plus one. */
export function dayNumber({ year, month, day }: CivilDate): number {
  return Date.UTC(year, month - 1, day) / dayMs
}

/** The same day some months later; one that the month does not have becomes its last. */
export function monthsLater(day: number, months: number): number {
  const { year, month, day: ofMonth } = civilOf(day)
  const last = civilOf(dayNumber({ year, month: month + months + 1, day: 0 })).day
  return dayNumber({ year, month: month + months, day: Math.min(ofMonth, last) })
}

/** Whether a date comes round on a day: the same month and day, and 29 February on the 28th where there is none. */
export function comesRound(date: CivilDate, on: CivilDate): boolean {
  if (date.month !== on.month) return false
  return date.day === on.day || (date.month === 2 && date.day === 29 && on.day === 28 && civilOf(dayNumber({ ...on, day: 29 })).month === 3)
}
