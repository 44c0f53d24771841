import { describe, expect, it } from 'vitest'
import { counted, formatBytes, formatClock, formatCount, formatInstant, formatMoney, shortened } from './format.ts'

describe('amounts', () => {
  it('keep every digit of a large sum', () => {
    expect(formatMoney('8911407.9040', 'GBP')).toBe('£8,911,407.90')
    expect(formatMoney('90071992547409935.1200', 'GBP')).toBe('£90,071,992,547,409,935.12')
    expect(formatMoney('-12.5', 'EUR')).toBe('-€12.50')
    expect(formatMoney('1200', 'JPY')).toBe('¥1,200')
  })

  it('are shown as they came where the currency or the number is none', () => {
    expect(formatMoney('5', '')).toBe('5.00')
    expect(formatMoney('5', '<b>gold</b>')).toBe('5.00 <b>gold</b>')
    expect(formatMoney('a lot', 'GBP')).toBe('a lot GBP')
  })
})

it('counts and sizes', () => {
  expect(formatCount(1_234_567)).toBe('1,234,567')
  expect(counted(1, 'event')).toBe('1 event')
  expect(counted(2_000, 'event')).toBe('2,000 events')
  expect([0, 1_023, 1_536, 5 * 1_024 ** 3].map(formatBytes)).toEqual(['0 bytes', '1023 bytes', '1.5 KiB', '5.0 GiB'])
})

it('times, and texts that are none', () => {
  expect(formatClock('2026-01-31T23:59:59.007Z', 'UTC')).toBe('23:59:59.007')
  expect(formatInstant('2026-01-31T23:59:59.007Z', 'UTC')).toBe('31 Jan 2026, 23:59')
  expect(formatInstant('2026-01-31T23:59:59.007Z', 'Europe/Berlin')).toBe('1 Feb 2026, 00:59')
  expect(formatInstant('soon')).toBe('soon')
})

it('shortens between characters', () => {
  expect(shortened('0190a1b2', 8)).toBe('0190a1b2')
  expect(shortened('0190a1b2c3', 8)).toBe('0190a1b…')
  expect(shortened('ab😀cd', 4)).toBe('ab…')
})
