const form = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:?\d\d)?)?$/

/** Dates outside of these are none: every store can add a window of 100 years to them. */
export const dateYears = Object.freeze({ least: 1900, greatest: 2199 })

/**
 * Epoch milliseconds of an ISO 8601 or RFC 3339 text; null if it is none. A date without a time is midnight, a time
 * without an offset is meant, in UTC. `01/02/2026` could be two days, so it is no date; 30 February is none either.
 */
export function instantOfText(text: string): number | null {
  const match = form.exec(text)
  if (match === null) return null
  const [, year, month, day, hour, minute, second, fraction, offset] = match
  const [y, m, d] = [Number(year), Number(month), Number(day)]
  const [h, min, s] = [Number(hour ?? 0), Number(minute ?? 0), Number(second ?? 0)]
  if (y < dateYears.least || y > dateYears.greatest || h > 23 || min > 59 || s > 59) return null
  const midnight = Date.UTC(y, m - 1, d)
  const date = new Date(midnight)
  if (date.getUTCMonth() !== m - 1 || date.getUTCDate() !== d) return null
  const away = offsetMinutes(offset)
  if (away === null) return null
  const ms = Number((fraction ?? '').padEnd(3, '0').slice(0, 3))
  return midnight + (h * 60 + min - away) * 60_000 + s * 1_000 + ms
}

/** Up to 1e11 in size a number is seconds of the epoch, else milliseconds. Null beyond {@link dateYears}. */
export function instantOfNumber(value: number): number | null {
  const ms = Math.floor(Math.abs(value) < 1e11 ? value * 1_000 : value)
  return ms >= Date.UTC(dateYears.least, 0, 1) && ms < Date.UTC(dateYears.greatest + 1, 0, 1) ? ms : null
}

function offsetMinutes(offset: string | undefined): number | null {
  if (offset === undefined || offset === 'Z') return 0
  const hours = Number(offset.slice(1, 3))
  const minutes = Number(offset.slice(-2))
  if (hours > 14 || minutes > 59) return null
  return (hours * 60 + minutes) * (offset.startsWith('-') ? -1 : 1)
}
