import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, describe, expect, it } from 'vitest'
import type { Draft } from './draft.ts'
import type { PlanWishes } from './import-plan.ts'
import { openImport } from './import-reader.ts'
import { orderGapRowsMax } from './order-gatherer.ts'
import type { Reject } from './reject.ts'

const directory = mkdtempSync(join(tmpdir(), 'millrace-import-'))
afterAll(() => rmSync(directory, { recursive: true }))
let files = 0

interface Read {
  readonly items: readonly Draft['item'][]
  readonly rejects: readonly string[]
  readonly kind: string | undefined
}

async function read(content: string | Uint8Array, wishes: Partial<PlanWishes> = {}, encoding: string | null = null): Promise<Read> {
  files += 1
  const path = join(directory, `${files}.csv`)
  writeFileSync(path, content)
  const file = await openImport({ path, encoding, writtenAt: Date.UTC(2026, 0, 1), onRead: () => undefined, wishes: { fields: new Map(), ignore: [], ...wishes } })
  const entries: (Draft | Reject)[] = []
  for await (const page of file.pages()) entries.push(...page)
  return {
    kind: file.plan?.kind,
    items: entries.flatMap((entry) => ('item' in entry ? [entry.item] : [])),
    rejects: entries.flatMap((entry) => ('rule' in entry ? [`${entry.line} ${entry.rule} ${entry.field}`.trim()] : [])),
  }
}

describe('files of shops, without a word about them', () => {
  it('Shopify orders: an event an order with its lines, the blanks of its further rows filled from the first', async () => {
    const { kind, items, rejects } = await read([
      'Name,Email,Financial Status,Currency,Total,Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,Phone,Id',
      '#1001,ada@example.com,paid,EUR,30.00,2026-01-05 10:00:00 +0100,2,Tea,5.00,T1,\'+4930123456,501',
      '#1001,ada@example.com,,,,,1,Cup,20.00,C1,,',
      '#1002,,voided,EUR,9.00,2026-01-06 10:00:00 +0100,1,Tea,9.00,T1,,502', '',
    ].join('\n'))
    expect(kind).toBe('orders')
    expect(rejects).toEqual([])
    expect(items).toMatchObject([{
      type: 'track', event: 'Order Completed', timestamp: '2026-01-05T09:00:00.000Z', context: { traits: { email: 'ada@example.com', phone: '+4930123456' } },
      properties: {
        order_id: '#1001', value: 30, currency: 'EUR', status: 'paid', id: '501',
        products: [{ sku: 'T1', name: 'Tea', quantity: 2, price: 5 }, { sku: 'C1', name: 'Cup', quantity: 1, price: 20 }],
      },
    }, { event: 'Order Cancelled', anonymousId: 'guest-shopify-#1002' }])
  })

  it('WooCommerce orders, in euros and with a day first', async () => {
    const { items } = await read([
      'Order Number;Order Status;Order Date;Email (Billing);Phone (Billing);Order Total Amount;SKU;Item Name;Quantity (- Refund);Item Cost',
      '77;completed;31/01/2026 10:00;bo@example.com;;"€1,234.50";0017;Bag;1;1234.50', '',
    ].join('\n'))
    expect(items).toMatchObject([{ event: 'Order Completed', timestamp: '2026-01-31T10:00:00.000Z', properties: { order_id: '77', value: 1234.5, products: [{ sku: '0017', quantity: 1, price: 1234.5 }] } }])
  })

  it('Klaviyo profiles: an identify a row, which yields to whatever is said after the export', async () => {
    const { kind, items } = await read('Email,Klaviyo ID,First Name,Phone Number,ZIP,Tags\nada@example.com,01H,Ada,+4930123,01234,"[""vip""]"\n')
    expect(kind).toBe('customers')
    expect(items).toMatchObject([{ type: 'identify', timestamp: '2026-01-01T00:00:00.000Z', traits: { email: 'ada@example.com', phone: '+4930123', klaviyo_id: '01H', first_name: 'Ada', zip: '01234', tags: ['vip'] } }])
  })

  it('events of any kind, equal rows counted as two, and the same ids again', async () => {
    const text = 'metric,timestamp,customer_id,color\nViewed,1767225600,c1,red\nViewed,1767225600,c1,red\nViewed,1767225600,c1,blue\n'
    const { kind, items } = await read(text)
    expect(kind).toBe('events')
    expect(items).toMatchObject([{ event: 'Viewed', userId: 'c1', timestamp: '2026-01-01T00:00:00.000Z', properties: { color: 'red' } }, {}, { properties: { color: 'blue' } }])
    const ids = items.map(({ messageId }) => messageId)
    expect(new Set(ids).size).toBe(3)
    expect((await read(gzipSync(text))).items.map(({ messageId }) => messageId)).toEqual(ids)
    // A row on top moves no other.
    const longer = await read(text.replace('\nViewed', '\nViewed,1767225601,c2,red\nViewed'))
    expect(longer.items.map(({ messageId }) => messageId).slice(1)).toEqual(ids)
  })

  it('NDJSON: calls of SDKs, events of the feed, lines of the archive, and rows', async () => {
    const { items, kind } = await read([
      { type: 'track', event: 'A', userId: 'u', timestamp: '2026-01-01T00:00:00Z', sentAt: '2026-01-09T00:00:00Z', messageId: 'own' },
      { messageId: 'f', result: 'stored', type: 'identify', metric: 'identify', time: '2026-01-01T00:00:00.000Z', userId: 'u', properties: { city: 'Ulm' } },
      { pos: '1', i: 0, profileId: 'p', event: { messageId: 'a', type: 'track', event: 'B', userId: 'u', timestamp: '2026-01-02T00:00:00.000Z' } },
      { manifest: 1 }, { messageId: 'd', result: 'dropped', type: null },
    ].map((value) => JSON.stringify(value)).join('\n'))
    expect(kind).toBeUndefined()
    expect(items).toEqual([
      { type: 'track', event: 'A', userId: 'u', messageId: 'own', timestamp: '2026-01-01T00:00:00.000Z' },
      expect.objectContaining({ type: 'identify', messageId: 'f', traits: { city: 'Ulm' }, userId: 'u' }),
      { messageId: 'a', type: 'track', event: 'B', userId: 'u', timestamp: '2026-01-02T00:00:00.000Z' },
    ])
    const rows = await read('{"order_id":7,"created_at":"2026-01-01T00:00:00Z","email":"a@example.com","total":5,"note":{"a":1}}\n{"order_id":8,\n')
    expect(rows).toMatchObject({ kind: 'orders', items: [{ properties: { order_id: '7', value: 5, note: { a: 1 } } }], rejects: ['2 bad_json'] })
  })
})

describe('orders on several rows', () => {
  const header = 'order_id,created_at,email,sku,quantity,price'
  const row = (id: string, sku: string): string => `${id},2026-01-01,a@example.com,${sku},1,2`

  it('become one event wherever they stand within the bound, and behind it are rejected, not lost', async () => {
    const others = (count: number, from: number): string[] => Array.from({ length: count }, (_, index) => row(`o${from + index}`, 'x'))
    const { items, rejects } = await read([header, row('first', 'a'), ...others(orderGapRowsMax, 0), row('first', 'b'), ...others(orderGapRowsMax + 1, 5_000), row('first', 'c'), ''].join('\n'))
    expect(items[0]).toMatchObject({ properties: { order_id: 'o0' } })
    expect(items.find(({ properties }) => Reflect.get(Object(properties), 'order_id') === 'first')).toMatchObject({ properties: { value: 4, products: [{ sku: 'a' }, { sku: 'b' }] } })
    expect(rejects).toEqual([`${2 * orderGapRowsMax + 5} order_rows_apart orderId`])
  })

  it('send their lines one by one where one event would be too large, the value with the order', async () => {
    const { items } = await read([header, ...Array.from({ length: 900 }, (_, index) => row('big', `sku-${index}-${'y'.repeat(20)}`)), ''].join('\n'))
    expect(items).toHaveLength(901)
    expect(items[0]).toMatchObject({ event: 'Order Completed', properties: { value: 1_800, product_count: 900, products: [] } })
    expect(new Set(items.map(({ messageId }) => messageId)).size).toBe(901)
  })
})

describe('bad files', () => {
  const good = 'order_id,created_at,email,total\n1,2026-01-31,a@example.com,5\n'

  it('a byte order mark, CR line ends and UTF-16 are read', async () => {
    const expected = (await read(good)).items
    expect((await read(`\ufeff${good}`)).items).toEqual(expected)
    expect((await read(good.replaceAll('\n', '\r'))).items).toEqual(expected)
    expect((await read(good.replaceAll('\n', '\r\n'))).items).toEqual(expected)
    expect((await read(Buffer.from(`\ufeff${good}`, 'utf16le'))).items).toEqual(expected)
  })

  it('another encoding is an error that names the line, and is read where it is named', async () => {
    const latin = Buffer.from(good.replace('a@example.com', 'M\xfcller'), 'latin1')
    await expect(read(latin)).rejects.toThrow(/not utf-8: line 2 .*--encoding windows-1252/)
    expect((await read(latin, {}, 'windows-1252')).items).toMatchObject([{ context: { traits: { email: 'Müller' } } }])
    await expect(read(good, {}, 'klingon')).rejects.toThrow('--encoding')
    await expect(read(Buffer.from(good, 'utf16le'))).rejects.toThrow('--encoding utf-16le')
  })

  it('dates with two readings need a word', async () => {
    const slashes = good.replace('2026-01-31', '01/02/2026')
    await expect(read(slashes)).rejects.toThrow(/01\/02\/2026, can be read in two ways; say --date-format/)
    expect((await read(slashes, { dateFormat: 'MM/DD/YYYY' })).items).toMatchObject([{ timestamp: '2026-01-02T00:00:00.000Z' }])
    expect((await read(slashes, { dateFormat: 'DD/MM/YYYY', offsetMinutes: 60 })).items).toMatchObject([{ timestamp: '2026-01-31T23:00:00.000Z' }])
  })

  it('each bad line is rejected with its rule, and its neighbours are not', async () => {
    const { items, rejects } = await read(`${good}2,soon,b@example.com,5\n3,2026-01-31,c@example.com,five\n4,2026-01-31,d@example.com\n,2026-01-31,e@example.com,1\n5,,f@example.com,1\n6,2026-01-31,"g@example.com,1\n7,2026-01-31,h@example.com,1\n`)
    expect(rejects.toSorted()).toEqual(['3 bad_time created_at', '4 bad_number value', '5 column_count', '6 missing_order_id orderId', '7 missing_time created_at', '8 broken_quote'])
    expect(items).toMatchObject([{ properties: { order_id: '1' } }, { properties: { order_id: '7' } }])
  })

  it.each([
    ['nothing', '', 'is empty'],
    ['a header of two million columns', `${'c,'.repeat(2_000_000)}\n1\n`, 'longer than'],
    ['a header of many columns', `${'c,'.repeat(2_000)}\n1\n`, 'at most 1000 are read'],
    ['a header that tells nothing', 'alpha,beta\n1,2\n', 'neither orders, customers nor events'],
    ['orders without a date', 'order_id,total\n1,2\n', '--map time=COLUMN'],
    ['damaged gzip', gzipSync(good.repeat(50)).subarray(0, 60), 'cannot be read on'],
    ['no JSON at all', '{"a":\n{"b":\n', 'hold no JSON object'],
  ])('%s is an error that says so', async (_, content, message) => {
    await expect(read(content)).rejects.toThrow(message)
  })

  it('a mapping names what is there and what it means', async () => {
    await expect(read(good, { fields: new Map([['orderId', 'nowhere']]) })).rejects.toThrow('has no column "nowhere"')
    await expect(read(good, { fields: new Map([['orderid', 'total']]) })).rejects.toThrow('there is no field "orderid"')
    const { items } = await read('Nr,When,Who,Sum\n1,2026-01-31,a@example.com,5\n', { kind: 'orders', ignore: ['Sum'], fields: new Map([['orderId', 'Nr'], ['time', 'When'], ['email', 'Who']]) })
    expect(items).toMatchObject([{ properties: { order_id: '1', value: 0 } }])
    expect(items[0]).not.toHaveProperty('properties.sum')
  })
})
