import { describe, expect, it } from 'vitest'
import { dateFormatOf, offsetOf, readTime } from './read-time.ts'

const dayFirst = { dateFormat: 'DD/MM/YYYY', offsetMinutes: 0 } as const
const monthFirst = { dateFormat: 'MM/DD/YYYY', offsetMinutes: 0 } as const

describe('times of exports', () => {
  it.each([
    ['2026-01-02', '2026-01-02T00:00:00.000Z'],
    ['2010-12-01 08:26:00', '2010-12-01T08:26:00.000Z'],
    ['2021-05-04 12:34:56 -0400', '2021-05-04T16:34:56.000Z'],
    ['2021-05-04T12:34:56.5+02:00', '2021-05-04T10:34:56.500Z'],
    ['01/02/2026', '2026-02-01T00:00:00.000Z'],
    ['31.12.2025 23:59', '2025-12-31T23:59:00.000Z'],
    ['1/2/2026 12:05 AM', '2026-02-01T00:05:00.000Z'],
    ['1/2/2026, 12:05:09 pm', '2026-02-01T12:05:09.000Z'],
    ['1767225600', '2026-01-01T00:00:00.000Z'],
    ['1767225600123', '2026-01-01T00:00:00.123Z'],
  ])('%s', (text, expected) => {
    expect(new Date(readTime(text, dayFirst)).toISOString()).toBe(expected)
  })

  it('takes the month first where told, and a zone only where there is none', () => {
    expect(new Date(readTime('01/02/2026', monthFirst)).toISOString()).toBe('2026-01-02T00:00:00.000Z')
    const berlin = { ...dayFirst, offsetMinutes: 60 }
    expect(new Date(readTime('2026-01-02 00:30:00', berlin)).toISOString()).toBe('2026-01-01T23:30:00.000Z')
    expect(new Date(readTime('2026-01-02T00:30:00Z', berlin)).toISOString()).toBe('2026-01-02T00:30:00.000Z')
  })

  it.each(['', 'yesterday', '2026-02-30', '32/01/2026', '01/13/2026', '2026-01-01 25:00', '1/1/2026 13:00 PM', '12345'])('refuses %j', (text) => {
    expect(readTime(text, dayFirst)).toBeNaN()
  })

  it('asks only where both readings are possible', () => {
    expect(dateFormatOf(['01/02/2026', '03/04/2026'])).toBeNull()
    expect(dateFormatOf(['01/02/2026', '13/04/2026'])).toBe('DD/MM/YYYY')
    expect(dateFormatOf(['01/02/2026', '01/31/2026 10:00'])).toBe('MM/DD/YYYY')
    expect(dateFormatOf(['13/02/2026', '01/31/2026'])).toBeNull()
    expect(dateFormatOf(['2026-01-02', '', 'x'])).toBe('YYYY-MM-DD')
  })

  it('reads offsets', () => {
    expect([offsetOf('UTC'), offsetOf('+02:00'), offsetOf('-0330'), offsetOf('Europe/Berlin'), offsetOf('+25:00')]).toEqual([0, 120, -210, null, null])
  })
})
