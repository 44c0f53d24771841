/** Numbers and times as people read them. `zone` is for tests; a page uses the reader's own. */

export function formatCount(value: number): string {
  return value.toLocaleString('en-GB')
}

/** A decimal number as text, so that no digit of a large sum is lost; currencies that nobody knows are shown as they came. */
export function formatMoney(amount: string, currency: string): string {
  if (!isDecimal(amount)) return `${amount} ${currency}`.trim()
  if (!/^[A-Z]{3}$/.test(currency)) return `${new Intl.NumberFormat('en-GB', { minimumFractionDigits: 2, maximumFractionDigits: 2 }).format(amount)} ${currency}`.trim()
  return new Intl.NumberFormat('en-GB', { style: 'currency', currency, currencyDisplay: 'narrowSymbol' }).format(amount)
}

function isDecimal(text: string): text is `${number}` {
  return /^-?\d+(?:\.\d+)?$/.test(text)
}

/** `14:03:27.105`; an instant that cannot be read as it came. */
export function formatClock(instant: string, zone?: string): string {
  return formatted(instant, { hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3, hourCycle: 'h23' }, zone)
}

/** `26 Nov 2026, 14:03`. */
export function formatInstant(instant: string, zone?: string): string {
  return formatted(instant, { day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }, zone)
}

function formatted(instant: string, options: Intl.DateTimeFormatOptions, zone?: string): string {
  const ms = Date.parse(instant)
  if (Number.isNaN(ms)) return instant
  return new Intl.DateTimeFormat('en-GB', zone === undefined ? options : { ...options, timeZone: zone }).format(ms)
}

export function formatBytes(bytes: number): string {
  if (bytes < 1_024) return `${bytes} bytes`
  const power = Math.min(4, Math.floor(Math.log2(bytes) / 10))
  return `${(bytes / 1_024 ** power).toFixed(1)} ${['', 'KiB', 'MiB', 'GiB', 'TiB'][power] ?? ''}`
}

/** `1 event`, `2 events`. */
export function counted(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`
}

/** Long texts such as ids, for a narrow place; the whole text belongs in a title. */
export function shortened(text: string, charactersMax: number): string {
  if (text.length <= charactersMax) return text
  // Cut between characters: half of one would be shown as a box.
  const cut = text.slice(0, charactersMax - 1)
  return `${cut.isWellFormed() ? cut : cut.slice(0, -1)}…`
}
