import { limits } from '@millrace/schemas'

/**
 * Epoch milliseconds of an ISO 8601 date and time, or NaN. Strict, since `Date` takes 30 February for 2 March and
 * "1" for the year 2001. A date alone is its midnight; without a zone it is UTC; digits below milliseconds are cut.
 */
export function parseInstant(text: string): number {
  return hasUsualForm(text) ? usualInstant(text) : unusualInstant(text)
}

/** The form of `Date.toISOString`, which nearly every client sends: `2026-01-31T12:00:00.000Z`. */
function hasUsualForm(text: string): boolean {
  return text.length === 24 && text.charCodeAt(4) === 0x2d && text.charCodeAt(7) === 0x2d
    && text.charCodeAt(10) === 0x54 && text.charCodeAt(13) === 0x3a && text.charCodeAt(16) === 0x3a
    && text.charCodeAt(19) === 0x2e && text.charCodeAt(23) === 0x5a
}

function usualInstant(text: string): number {
  const year = digits(text, 0) * 100 + digits(text, 2)
  const millisecond = digits(text, 20) * 10 + digits(text, 21) % 10
  return instantOf(
    { year, month: digits(text, 5), day: digits(text, 8) },
    ((digits(text, 11) * 60 + digits(text, 14)) * 60 + digits(text, 17)) * 1000 + millisecond,
    digits(text, 11) < 24 && digits(text, 14) < 60 && digits(text, 17) < 60,
  )
}

/** Two digits as a number, NaN if one of them is something else. */
function digits(text: string, at: number): number {
  const tens = text.charCodeAt(at) - 0x30
  const ones = text.charCodeAt(at + 1) - 0x30
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : NaN
}

const unusualForm =
  /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(?:(Z)|([+-])(\d\d)(?::?(\d\d))?)?)?$/i

function unusualInstant(text: string): number {
  if (text.length > 40) return NaN
  const match = unusualForm.exec(text)
  if (match === null) return NaN
  const part = (index: number): number => Number(match[index] ?? 0)
  const millisecond = Number((match[7] ?? '').padEnd(3, '0').slice(0, 3))
  const offsetMinutes = (part(10) * 60 + part(11)) * (match[9] === '-' ? -1 : 1)
  return instantOf(
    { year: part(1), month: part(2), day: part(3) },
    ((part(4) * 60 + part(5) - offsetMinutes) * 60 + part(6)) * 1000 + millisecond,
    part(4) < 24 && part(5) < 60 && part(6) < 60 && part(10) < 24 && part(11) < 60,
  )
}

interface CalendarDay {
  readonly year: number
  readonly month: number
  readonly day: number
}

/** Date.UTC takes years below 100 for the 20th century; none of them is accepted later, so they need no care. */
function instantOf(date: CalendarDay, msOfDay: number, timeIsValid: boolean): number {
  if (!timeIsValid || !(date.month >= 1 && date.month <= 12 && date.day >= 1)) return NaN
  if (date.day > 28 && date.day > new Date(Date.UTC(date.year, date.month, 0)).getUTCDate()) return NaN
  return Date.UTC(date.year, date.month - 1, date.day) + msOfDay
}

/** What one request says about its client's clock. */
export interface RequestClock {
  /** Epoch milliseconds. */
  readonly receivedAt: number
  /** Epoch milliseconds by the client's clock; null: no correction. */
  readonly sentAt: number | null
}

export interface EventTime {
  /** Epoch milliseconds, corrected. */
  readonly time: number
  readonly outcome: 'ok' | 'clamped_future' | 'bad_timestamp' | 'timestamp_out_of_range'
}

/**
 * When an event happened: what its client says, less how far the client's clock is ahead, which shows in `sentAt`.
 *
 * @param clientTime epoch milliseconds; null if the client gave none, NaN if what it gave is no time.
 */
export function eventTime(clientTime: number | null, clock: RequestClock): EventTime {
  if (clientTime === null) return { time: clock.receivedAt, outcome: 'ok' }
  if (Number.isNaN(clientTime)) return { time: clock.receivedAt, outcome: 'bad_timestamp' }
  const time = clock.sentAt === null ? clientTime : clock.receivedAt - (clock.sentAt - clientTime)
  if (time > clock.receivedAt + limits.futureMsMax) return { time: clock.receivedAt, outcome: 'clamped_future' }
  if (time < limits.timestampMsMin) return { time, outcome: 'timestamp_out_of_range' }
  return { time, outcome: 'ok' }
}
