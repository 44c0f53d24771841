import { render } from 'preact-render-to-string'
import type { VNode } from 'preact'
import { describe, expect, it } from 'vitest'
import { ApiError } from './api.ts'
import { readCollectorStatus } from './collector-status.ts'
import { readFeedPage } from './feed-event.ts'
import { EventTable, matches } from './live-view.tsx'
import { readOrder } from './order.ts'
import { OrderList } from './order-list.tsx'
import { readProfile } from './profile.ts'
import { recentProfiles } from './profiles-view.tsx'
import { Answered, JsonDetails, Value } from './shown.tsx'
import { StatusDetails } from './status-view.tsx'

const evil = '"><img src=x onerror=alert(1)>&<script>alert(2)</script>'

/** Markup in which nothing of the text became an element. */
function expectText(node: VNode): string {
  const html = render(node)
  expect(html).not.toMatch(/<img|<script|<[^>]*\son[a-z]+=/i)
  return html
}

function seen(...events: readonly object[]) {
  return readFeedPage({ events, next: 'c', more: false }).events.map((event, index) => ({ ...event, number: index + 1 }))
}

describe('whatever a shop sends is shown as text', () => {
  it('as a property, an object, a list, in any depth', () => {
    for (const value of [evil, { [evil]: evil }, [evil, { deep: [evil] }], null, undefined, 0, false]) expectText(<Value value={value} />)
    expect(expectText(<Value value={evil} />)).toContain('&lt;img src=x onerror=alert(1)>')
    expect(render(<Value value={null} />)).toContain('none')
    expect(render(<Value value={['a']} />)).toContain('1 item')
  })

  it('in the table of events', () => {
    const html = expectText(<EventTable empty="" events={seen(
      { messageId: evil, result: 'stored', type: evil, metric: evil, receivedAt: evil, profileId: evil, currentProfileId: evil, userId: evil, properties: { [evil]: evil } },
      { messageId: 'm2', result: 'dropped', reason: evil, metric: null, type: null, profileId: null, currentProfileId: null, properties: null },
    )} />)
    expect(html).toContain('dropped')
    expect(html).toContain('unreadable')
  })

  it('in orders and their lines', () => {
    const order = readOrder({ messageId: 'm', metric: 'Order Completed', time: evil, properties: { order_id: evil, value: evil, currency: evil, products: [{ name: evil, product_id: evil, quantity: evil, price: evil }] } })
    expectText(<OrderList orders={[order]} />)
  })

  it('in errors', () => {
    expectText(<Answered answer={{ state: 'failed', error: new ApiError(400, 'x', evil) }}>{() => null}</Answered>)
  })
})

describe('what is read of answers', () => {
  it('an order by the names that shops use', () => {
    expect(readOrder({ messageId: 'm', metric: '', time: '', properties: { orderId: 'o', revenue: 12.5, currency: 'GBP', items: [{ title: 'Cup', sku: 's', price: 2 }] } })).toEqual({
      key: 'm', time: '', orderId: 'o', value: '12.5', currency: 'GBP', lines: [{ name: 'Cup', productId: 's', quantity: '', price: '2' }],
    })
    expect(readOrder({ messageId: 'm', metric: '', time: '', properties: null })).toMatchObject({ value: '', lines: [] })
  })

  it('a profile by its name, else by its strongest identifier', () => {
    const card = (properties: object, identifiers: object) => readProfile({ profile: { id: 'p', identifiers, properties, metrics: { Viewed: { count: 2 }, Ordered: { count: 3 } } } })
    expect(card({ name: 'Ada' }, { email: ['a@example.com'] })).toMatchObject({ name: 'Ada', identifiers: [{ kind: 'email', values: ['a@example.com'] }] })
    expect(card({ firstName: 'Ada', lastName: 'L' }, {}).name).toBe('Ada L')
    expect(card({}, { externalId: ['c-1'], email: ['a@example.com'], phone: [] }).name).toBe('a@example.com')
    expect(card({}, { externalId: [], anonymousId: ['a-1'] }).name).toBe('a-1')
    expect(card({}, {}).metrics.map(({ metric }) => metric)).toEqual(['Ordered', 'Viewed'])
    expect(readProfile(null)).toMatchObject({ id: '', name: 'Somebody', identifiers: [], metrics: [] })
  })

  it('an event that matches what is searched for', () => {
    const [event] = seen({ messageId: 'm', metric: 'Product Added', anonymousId: 'A-1' })
    if (event === undefined) throw new Error('no event')
    expect([matches(event, ''), matches(event, ' product '), matches(event, 'a-1'), matches(event, 'order')]).toEqual([true, true, true, false])
  })

  it('the latest event of each profile', () => {
    const events = seen({ currentProfileId: 'p1', metric: 'new' }, { currentProfileId: 'p2' }, { currentProfileId: 'p1', metric: 'old' }, { currentProfileId: null })
    expect(recentProfiles(events).map(({ id, event }) => [id, event.metric])).toEqual([['p1', 'new'], ['p2', '']])
  })

  it('the reconciliation, in one sentence', () => {
    const totals = { accepted: 10, stored: 8, archived: 8, loaded: 8, dropped: { duplicate: 2, [evil]: 0 } }
    const partitions = [{ partition: 3, lag: { decide: 0, archive: 1, load: 2 } }]
    const html = (part: object): string => expectText(<StatusDetails status={readCollectorStatus({ atRest: true, agree: true, totals, partitions, spool: { bytes: 2_048 }, ...part })} />)
    expect(html({})).toContain('accounted for, once')
    expect(html({})).toContain('2.0 KiB')
    expect(html({ atRest: false })).toContain('On the way: 2 events')
    expect(html({ agree: false })).toContain('The tiers disagree')
  })
})

it('a long value is cut, and says so', () => {
  expect(render(<JsonDetails value={{ text: 'x'.repeat(30_000) }} />)).toMatch(/… \d+ more characters/)
})
