import { parseInstant } from '../ingest/event-time.ts'

/** Which number of 01/02/2026 is the day. */
export const dateFormats = Object.freeze(['DD/MM/YYYY', 'MM/DD/YYYY', 'YYYY-MM-DD'] as const)
export type DateFormat = (typeof dateFormats)[number]

export interface TimeForm {
  readonly dateFormat: DateFormat
  /** Of times without a zone, minutes east of UTC. */
  readonly offsetMinutes: number
}

const yearLast = /^(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})(?:,?[ T](.*))?$/
const yearFirst = /^(\d{4})[/.-](\d{1,2})[/.-](\d{1,2})(?:[ T](.*))?$/
const clock = /^(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,](\d{1,6}))?)?\s*([AaPp][Mm])?\s*(?:(Z|UTC|GMT)|([+-]\d\d):?(\d\d)?)?$/

/**
 * Epoch milliseconds of a time as exports write it: ISO 8601, a date with or without a clock, seconds or milliseconds since
 * 1970; NaN for anything else, an impossible date among them.
 */
export function readTime(text: string, form: TimeForm): number {
  if (form.offsetMinutes === 0 || /Z$|[+-]\d\d:?\d\d$/.test(text)) {
    const instant = parseInstant(text)
    if (!Number.isNaN(instant)) return instant
  }
  if (/^\d{10}$/.test(text)) return Number(text) * 1_000
  if (/^\d{13}$/.test(text)) return Number(text)
  const first = yearFirst.exec(text)
  if (first !== null) return instantOf([first[1], first[2], first[3]], first[4], form)
  const last = yearLast.exec(text)
  if (last === null || form.dateFormat === 'YYYY-MM-DD') return Number.NaN
  const [day, month] = form.dateFormat === 'DD/MM/YYYY' ? [last[1], last[2]] : [last[2], last[1]]
  return instantOf([last[3], month, day], last[4], form)
}

type Part = string | undefined

function instantOf([year = '', month = '', day = '']: readonly [Part, Part, Part], time: Part, { offsetMinutes }: TimeForm): number {
  const date = parseInstant(`${year}-${month.padStart(2, '0')}-${day.padStart(2, '0')}`)
  if (time === undefined || time.trim() === '') return date - offsetMinutes * 60_000
  const match = clock.exec(time.trim())
  if (match === null) return Number.NaN
  const [, hourText = '', minute = '', second = '0', fraction = '', half = '', zone, offsetHours, offsetRest = '00'] = match
  let hour = Number(hourText)
  if (half !== '') {
    if (hour < 1 || hour > 12) return Number.NaN
    hour = (hour % 12) + (half.toLowerCase() === 'pm' ? 12 : 0)
  }
  if (hour > 23 || Number(minute) > 59 || Number(second) > 59) return Number.NaN
  const own = offsetHours === undefined ? null : Number(offsetHours) * 60 + (offsetHours.startsWith('-') ? -1 : 1) * Number(offsetRest)
  const offset = zone === undefined ? (own ?? offsetMinutes) : 0
  return date + ((hour * 60 + Number(minute) - offset) * 60 + Number(second)) * 1_000 + Number(fraction.padEnd(3, '0').slice(0, 3))
}

/**
 * The format of a column's dates; null if dates such as 01/02/2026 could be either. One date with a day over 12 tells; dates
 * that begin with the year need no telling.
 */
export function dateFormatOf(samples: readonly string[]): DateFormat | null {
  const dates = samples.map((text) => yearLast.exec(text)).filter((match) => match !== null)
  if (dates.length === 0) return 'YYYY-MM-DD'
  const dayFirst = dates.some((match) => Number(match[1]) > 12)
  const monthFirst = dates.some((match) => Number(match[2]) > 12)
  if (dayFirst === monthFirst) return null
  return dayFirst ? 'DD/MM/YYYY' : 'MM/DD/YYYY'
}

/** `UTC` or `+02:00` as minutes; null for anything else. */
export function offsetOf(text: string): number | null {
  if (/^(?:UTC|Z)$/i.test(text)) return 0
  const match = /^([+-])(\d\d):?(\d\d)$/.exec(text)
  if (match === null || Number(match[2]) > 14 || Number(match[3]) > 59) return null
  return (match[1] === '-' ? -1 : 1) * (Number(match[2]) * 60 + Number(match[3]))
}
