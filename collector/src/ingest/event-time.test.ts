import { limits } from '@millrace/schemas'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { instantText } from '../platform/instant-text.ts'
import { eventTime, parseInstant } from './event-time.ts'
import { propertySettings } from '../../test/property-settings.ts'

const instants = fc.integer({ min: Date.UTC(1000, 0, 1), max: Date.UTC(9999, 11, 31) })
const receivedAt = Date.UTC(2026, 5, 1, 12)
const minute = 60_000

describe('parseInstant', () => {
  it('agrees with Date on what Date writes', () => {
    fc.assert(
      fc.property(instants, (time) => {
        expect(parseInstant(new Date(time).toISOString())).toBe(time)
        expect(instantText(time)).toBe(new Date(time).toISOString())
      }),
      propertySettings(),
    )
  })

  it.each([
    ['2026-01-31', '2026-01-31T00:00:00.000Z'],
    ['2026-01-31T12:30', '2026-01-31T12:30:00.000Z'],
    ['2026-01-31T12:30:15', '2026-01-31T12:30:15.000Z'],
    ['2026-01-31t12:30:15z', '2026-01-31T12:30:15.000Z'],
    ['2026-01-31T12:30:15.5Z', '2026-01-31T12:30:15.500Z'],
    ['2026-01-31T12:30:15,123456789Z', '2026-01-31T12:30:15.123Z'],
    ['2026-01-31T12:30:15.000+02:00', '2026-01-31T10:30:15.000Z'],
    ['2026-01-31T12:30:15-0530', '2026-01-31T18:00:15.000Z'],
    ['2026-01-31T00:30:15+01', '2026-01-30T23:30:15.000Z'],
    ['2024-02-29T00:00:00.000Z', '2024-02-29T00:00:00.000Z'],
  ])('%s', (text, expected) => {
    expect(new Date(parseInstant(text)).toISOString()).toBe(expected)
  })

  it.each([
    '',
    '1',
    '2026',
    '2026-01',
    '1767225600000',
    'today',
    '2026-02-30',
    '2026-02-29T00:00:00.000Z',
    '2026-13-01',
    '2026-00-10',
    '2026-01-00',
    '2026-04-31T00:00:00.000Z',
    '2026-01-31T24:00:00.000Z',
    '2026-01-31T12:60:00Z',
    '2026-01-31T12:30:60Z',
    '2026-01-31 12:30:15Z',
    '2026-01-31T12:30:15.Z',
    ' 2026-01-31',
    '2026-1-31',
    '+002026-01-31T00:00:00.000Z',
    '2026-01-31T12:30:15+25:00',
    '2O26-01-31T12:30:15.000Z',
    '2026-01-31T12:30:15.0a0Z',
    'Sat, 31 Jan 2026 12:30:15 GMT',
    '2026-01-31T12:30:15.000Z'.padEnd(10_000, '0'),
  ])('is no time: %s', (text) => {
    expect(parseInstant(text)).toBeNaN()
  })
})

describe('eventTime', () => {
  it.each([
    ['no time: the receipt', null, null, receivedAt, 'ok'],
    ['no time by anybody', NaN, receivedAt, receivedAt, 'bad_timestamp'],
    ['no correction without sentAt', receivedAt - minute, null, receivedAt - minute, 'ok'],
    ['a clock one hour ahead', receivedAt + 60 * minute - 5_000, receivedAt + 60 * minute, receivedAt - 5_000, 'ok'],
    [
      'a clock one year behind',
      receivedAt - 366 * 1440 * minute,
      receivedAt - 365 * 1440 * minute,
      receivedAt - 1440 * minute,
      'ok',
    ],
    ['10 minutes ahead', receivedAt + 10 * minute, null, receivedAt + 10 * minute, 'ok'],
    ['more than 10 minutes ahead', receivedAt + 10 * minute + 1, null, receivedAt, 'clamped_future'],
    ['ahead only after correction', receivedAt, receivedAt - 11 * minute, receivedAt, 'clamped_future'],
    ['the floor', limits.timestampMsMin, null, limits.timestampMsMin, 'ok'],
    ['below the floor', limits.timestampMsMin - 1, null, limits.timestampMsMin - 1, 'timestamp_out_of_range'],
  ])('%s', (...[, clientTime, sentAt, time, outcome]) => {
    expect(eventTime(clientTime, { receivedAt, sentAt })).toEqual({ time, outcome })
  })
})
