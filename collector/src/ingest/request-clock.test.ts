import { describe, expect, it } from 'vitest'
import { accept, acceptItem, acceptObject, at, storedOf } from '../../test/accept-body.ts'
import type { AcceptContext } from './accept-events.ts'

describe('time', () => {
  const timesOf = (body: object, change: Partial<AcceptContext> = {}): readonly unknown[] =>
    accept(JSON.stringify(body), change).map((event) => {
      const { timestamp, originalTimestamp, sentAt } = storedOf(event)
      return [timestamp, originalTimestamp, sentAt]
    })
  const page = (fields: object): object => ({ type: 'page', userId: 'u', ...fields })

  it('corrects by the envelope, else the header, else the item', () => {
    const item = page({ timestamp: at(3_600_000 - 5_000), sentAt: at(3_600_000 + 60_000) })
    expect(timesOf({ batch: [item], sentAt: at(3_600_000) }, { sentAtHeader: at(9) })).toEqual([
      [at(-5_000), at(3_595_000), at(3_600_000)],
    ])
    expect(timesOf({ batch: [item], sentAt: 'x' }, { sentAtHeader: at(3_600_000) })).toEqual([
      [at(-5_000), at(3_595_000), at(3_600_000)],
    ])
    expect(timesOf({ batch: [item] })).toEqual([[at(-65_000), at(3_595_000), at(3_660_000)]])
  })

  it('corrects nothing where sentAt equals every timestamp', () => {
    const early = page({ timestamp: at(-5_000) })
    expect(timesOf({ batch: [early, early], sentAt: at(-5_000) })).toEqual([
      [at(-5_000), at(-5_000), at(-5_000)],
      [at(-5_000), at(-5_000), at(-5_000)],
    ])
    expect(timesOf({ batch: [early, page({ timestamp: at(-6_000) })], sentAt: at(-5_000) }).at(1)).toEqual([
      at(-1_000),
      at(-6_000),
      at(-5_000),
    ])
    expect(timesOf({ batch: [page({ timestamp: at(-5_000), sentAt: at(-5_000) })] })).toEqual([
      [at(-5_000), at(-5_000), at(-5_000)],
    ])
  })

  it('takes the time of receipt where there is none, or none to be had', () => {
    expect(timesOf({ batch: [page({})] })).toEqual([[at(0), undefined, undefined]])
    expect(timesOf({ batch: [page({ timestamp: '2026-02-30' })] })).toEqual([[at(0), '2026-02-30', undefined]])
    expect(acceptObject(page({ timestamp: '2026-02-30' })).flags).toEqual(['bad_timestamp'])
    expect(acceptObject(page({ timestamp: 1_768_471_200_000 })).flags).toEqual(['bad_timestamp', 'bad_typed_value'])
  })

  it('clamps the future', () => {
    expect(timesOf({ batch: [page({ timestamp: at(600_001) })] })).toEqual([[at(0), at(600_001), undefined]])
    expect(acceptObject(page({ timestamp: at(600_001) })).flags).toEqual(['clamped_future'])
  })

  it('writes other forms of a time in the usual one', () => {
    expect(timesOf({ batch: [page({ timestamp: '2026-01-15T11:00:00+02:00' })] })).toEqual([
      ['2026-01-15T09:00:00.000Z', '2026-01-15T11:00:00+02:00', undefined],
    ])
  })

  it('an event accepted again as of the same receipt stays the same line', () => {
    const [first] = accept(
      JSON.stringify({
        batch: [page({ timestamp: at(3_595_000), messageId: 'm', traits: 5, properties: { a: 1 } })],
        sentAt: at(3_600_000),
        context: { c: 1 },
      }),
    )
    const line = first?.line ?? ''
    expect(acceptItem(line.slice(line.indexOf('\t') + 1)).line).toBe(line.replace(',bad_typed_value', ','))
  })
})
