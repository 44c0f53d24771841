/** Local times between which nothing is sent; `from` later than `to` spans midnight. */
export interface QuietHours {
  /** `HH:MM`, 00:00 to 23:59; the first quiet minute. */
  readonly from: string
  /** `HH:MM`; the first minute after. */
  readonly to: string
  /** IANA name such as `Europe/Berlin`. */
  readonly zone: string
}

const minuteMs = 60_000
/** No zone moves its clocks by more in a night. */
const shiftMinutesMax = 180
const formats = new Map<string, Intl.DateTimeFormat>()

/**
 * The first instant from the given one on whose local time is not quiet. Where the clocks go forward over `to`, that is
 * the first minute after the gap; where they go back, local time decides: the repeated hour is quiet again if its
 * times are.
 */
export function afterQuietHours(instant: number, quiet: QuietHours | null): number {
  if (quiet === null || !isQuiet(instant, quiet)) return instant
  const to = minutesOf(quiet.to)
  let from = instant
  // A zone changes its clock at most once a night; more rounds would mean quiet hours without an end.
  for (let round = 0; round < 4; round += 1) {
    const left = (to - localMinutes(from, quiet.zone) + 1_440) % 1_440
    const end = Math.floor(from / minuteMs) * minuteMs + (left === 0 ? 1_440 : left) * minuteMs
    if (!isQuiet(end, quiet)) return firstLoud(from, end, quiet)
    // Where the clocks went forward on the way, `to` came earlier, and what is loud may be over again.
    const beyond = (localMinutes(end, quiet.zone) - to + 1_440) % 1_440
    const earlier = end - beyond * minuteMs
    if (beyond <= shiftMinutesMax && earlier > from && !isQuiet(earlier, quiet)) return firstLoud(from, earlier, quiet)
    from = end
  }
  return from
}

/** Quiet at `quietAt`, not at `loudAt`, with one change between: the minute of the change. */
function firstLoud(quietAt: number, loudAt: number, quiet: QuietHours): number {
  let low = Math.floor(quietAt / minuteMs)
  let high = loudAt / minuteMs
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (isQuiet(middle * minuteMs, quiet)) low = middle
    else high = middle
  }
  return high * minuteMs
}

function isQuiet(instant: number, { from, to, zone }: QuietHours): boolean {
  const local = localMinutes(instant, zone)
  const first = minutesOf(from)
  const end = minutesOf(to)
  return first < end ? local >= first && local < end : local >= first || local < end
}

/** Minutes since local midnight. */
function localMinutes(instant: number, zone: string): number {
  return minutesOf(formatOf(zone).format(instant))
}

/** Fails with RangeError for a zone that does not exist. */
function formatOf(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone)
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-GB', { timeZone: zone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
    formats.set(zone, format)
  }
  return format
}

function minutesOf(text: string): number {
  return Number(text.slice(0, 2)) * 60 + Number(text.slice(3, 5))
}

/** Whether the platform knows the zone by this name. */
export function isZone(zone: string): boolean {
  try {
    formatOf(zone)
    return true
  } catch {
    return false
  }
}
