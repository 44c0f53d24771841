import { describe, expect, it } from 'vitest'
import { eventTypes, judgeEvent, limits, metricOf } from './index.ts'

describe('judgeEvent', () => {
  it('has nothing against a named track and any other call', () => {
    expect(judgeEvent('track', 'x'.repeat(limits.eventNameCharactersMax))).toBeNull()
    for (const type of eventTypes) expect(judgeEvent(type, 'A')).toBeNull()
    expect(judgeEvent('page', undefined)).toBeNull()
  })

  it.each([
    ['Track', 'A', 'unknown_type'],
    [undefined, 'A', 'unknown_type'],
    ['toString', 'A', 'unknown_type'],
    [['track'], 'A', 'unknown_type'],
    ['track', undefined, 'missing_event_name'],
    ['track', ' \t', 'missing_event_name'],
    ['track', 5, 'missing_event_name'],
    ['track', 'x'.repeat(limits.eventNameCharactersMax + 1), 'event_too_large'],
  ])('%s named %s', (type, name, reason) => {
    expect(judgeEvent(type, name)).toBe(reason)
  })
})

describe('metricOf', () => {
  it('is the name of a track and the type of any other call', () => {
    expect(metricOf({ type: 'track', event: 'Order Completed' })).toBe('Order Completed')
    expect(metricOf({ type: 'page', event: 'ignored' })).toBe('page')
  })
})

describe('the shared lists', () => {
  it('cannot be changed', () => {
    expect(Object.isFrozen(limits)).toBe(true)
    expect(Object.isFrozen(eventTypes)).toBe(true)
  })
})
