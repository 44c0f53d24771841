import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { propertySettings } from '../../test/property-settings.ts'
import { afterQuietHours, isZone, type QuietHours } from './quiet-hours.ts'

const night: QuietHours = { from: '22:00', to: '08:00', zone: 'Europe/Berlin' }

function after(iso: string, quiet: QuietHours = night): string {
  return new Date(afterQuietHours(Date.parse(iso), quiet)).toISOString()
}

describe('quiet hours', () => {
  it('hold back what falls into them until their end, and nothing else', () => {
    expect(after('2026-01-10T12:34:56.789Z')).toBe('2026-01-10T12:34:56.789Z')
    expect(after('2026-01-10T20:59:59.999Z')).toBe('2026-01-10T20:59:59.999Z')
    expect(after('2026-01-10T21:00:00.000Z')).toBe('2026-01-11T07:00:00.000Z')
    expect(after('2026-01-11T06:59:59.999Z')).toBe('2026-01-11T07:00:00.000Z')
    expect(after('2026-01-11T07:00:00.000Z')).toBe('2026-01-11T07:00:00.000Z')
    expect(afterQuietHours(5, null)).toBe(5)
  })

  it('end at the local time also in the nights when the clocks change', () => {
    // Berlin: forward at 2026-03-29T01:00Z, back at 2026-10-25T01:00Z.
    expect(after('2026-03-28T22:00:00.000Z')).toBe('2026-03-29T06:00:00.000Z')
    expect(after('2026-10-24T22:00:00.000Z')).toBe('2026-10-25T07:00:00.000Z')
  })

  it('end at the first minute after the gap where the clocks jump over their end', () => {
    const quiet = { ...night, to: '02:30' }
    expect(after('2026-03-28T23:30:00.000Z', quiet)).toBe('2026-03-29T01:00:00.000Z')
  })

  it('are quiet again in the repeated hour, as local time says', () => {
    const quiet = { ...night, to: '02:30' }
    expect(after('2026-10-24T23:00:00.000Z', quiet)).toBe('2026-10-25T00:30:00.000Z')
    expect(after('2026-10-25T01:10:00.000Z', quiet)).toBe('2026-10-25T01:30:00.000Z')
    expect(after('2026-10-25T00:10:00.000Z', { ...night, to: '03:30' })).toBe('2026-10-25T02:30:00.000Z')
  })

  it('do not miss a short pause between them because the clocks jump on the way', () => {
    // Lord Howe: forward by half an hour at 2026-10-03T15:30Z; the only loud minute is 23:30.
    expect(after('2026-10-03T14:00:00.000Z', { from: '23:31', to: '23:30', zone: 'Australia/Lord_Howe' })).toBe('2026-10-04T12:30:00.000Z')
  })

  it('equal a search minute by minute, in any zone around any change', () => {
    const zones = ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu', 'UTC', 'America/Sao_Paulo']
    const clock = fc.nat({ max: 1_439 }).map((minute) => `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`)
    // Changes of 2026: March 8 and 29, April 5, October 4 and 25, November 1.
    const days = ['2026-03-07', '2026-03-28', '2026-04-04', '2026-10-03', '2026-10-24', '2026-10-31', '2026-06-15']
    const hours = fc.record({ zone: fc.constantFrom(...zones), from: clock, to: clock }).filter(({ from, to }) => from !== to)
    fc.assert(fc.property(hours, fc.constantFrom(...days), fc.nat({ max: 2 * 1_440 }), (quiet, day, minute) => {
      const start = Date.parse(`${day}T00:00:00.000Z`) + minute * 60_000
      expect(new Date(afterQuietHours(start, quiet)).toISOString()).toBe(new Date(search(start, quiet)).toISOString())
    }), propertySettings(200))
  })

  it('know which zones there are', () => {
    expect(isZone('Europe/Berlin')).toBe(true)
    expect(isZone('Europe/Atlantis')).toBe(false)
  })
})

/** The first minute that is not quiet, by asking each. */
function search(start: number, { from, to, zone }: QuietHours): number {
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, timeStyle: 'short' })
  for (let instant = start; ; instant += 60_000) {
    const local = format.format(instant)
    const quiet = from < to ? local >= from && local < to : local >= from || local < to
    if (!quiet) return instant
  }
}
