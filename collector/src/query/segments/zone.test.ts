import { describe, expect, it } from 'vitest'
import { comesRound, civilOf, dayMs, dayNumber, monthsLater, Zone } from './zone.ts'

const dayOn = (date: string): number => Date.parse(`${date}T00:00:00Z`) / dayMs
const startOf = (zone: string, date: string): string => new Date(new Zone(zone).startOf(dayOn(date))).toISOString()

describe('a day of a time zone', () => {
  it.each([
    ['UTC', '2024-03-31', '2024-03-31T00:00:00.000Z'],
    ['Europe/London', '2024-03-31', '2024-03-31T00:00:00.000Z'],
    ['Europe/London', '2024-04-01', '2024-03-31T23:00:00.000Z'],
    ['Asia/Kolkata', '2024-01-01', '2023-12-31T18:30:00.000Z'],
    ['America/Sao_Paulo', '2018-11-04', '2018-11-04T03:00:00.000Z'],
    ['America/Sao_Paulo', '2018-02-18', '2018-02-18T03:00:00.000Z'],
    ['America/St_Johns', '2006-10-29', '2006-10-29T02:30:00.000Z'],
    ['Pacific/Apia', '2011-12-30', '2011-12-30T10:00:00.000Z'],
    ['Pacific/Apia', '2011-12-31', '2011-12-30T10:00:00.000Z'],
  ])('%s %s begins at %s', (zone, date, start) => expect(startOf(zone, date)).toBe(start))

  it.each(['Europe/London', 'America/Sao_Paulo', 'America/St_Johns', 'Pacific/Apia', 'Australia/Lord_Howe', 'Africa/Cairo', 'Asia/Beirut'])('in %s every instant is of one day, and days follow each other', (name) => {
    const zone = new Zone(name)
    for (const year of [1999, 2006, 2011, 2018, 2024]) {
      for (let day = dayNumber({ year, month: 1, day: 1 }); day < dayNumber({ year: year + 1, month: 1, day: 2 }); day += 1) {
        const [start, end] = [zone.startOf(day), zone.startOf(day + 1)]
        expect(end).toBeGreaterThanOrEqual(start)
        if (end === start) continue
        expect([zone.dayOf(start), zone.dayOf(end - 1), zone.dayFrom(start + 1), zone.dayOf(start - 1) < day]).toEqual([day, day, day + 1, true])
      }
    }
  })

  it('the first day that does not begin before an instant may be one that was left out', () => {
    const apia = new Zone('Pacific/Apia')
    expect(apia.dayFrom(Date.parse('2011-12-30T10:00:00Z'))).toBe(dayOn('2011-12-30'))
  })

  it('is refused where there is no such zone', () => {
    expect(() => new Zone('Mars/Olympus')).toThrow(expect.objectContaining({ code: 'bad_config' }))
  })
})

describe('a date', () => {
  it.each([['2024-01-31', 1, '2024-02-29'], ['2023-01-31', 1, '2023-02-28'], ['2024-02-29', 12, '2025-02-28'], ['2024-03-31', -1, '2024-02-29'], ['2024-12-15', 1, '2025-01-15']])(
    '%s and %i months is %s', (from, months, to) => expect(monthsLater(dayOn(from), months)).toBe(dayOn(to)))

  it.each([
    ['2000-02-29', '2024-02-29', true], ['2000-02-29', '2023-02-28', true], ['2000-02-29', '2024-02-28', false], ['2000-02-28', '2023-02-28', true],
    ['2000-02-29', '2023-03-01', false], ['1990-05-07', '2024-05-07', true], ['1990-05-07', '2024-06-07', false],
  ])('%s comes round on %s: %s', (date, on, expected) => expect(comesRound(civilOf(dayOn(date)), civilOf(dayOn(on)))).toBe(expected))
})
