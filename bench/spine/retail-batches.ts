import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { createGunzip } from 'node:zlib'

export interface RetailBatch {
  /** A request body of the batch route. */
  readonly body: string
  readonly events: number
  /** Exact, in 1/1000 of the currency. */
  readonly revenueThousandths: bigint
}

const columns = 8

/**
 * The Online Retail file as request bodies, one event a line of the file; plain, `.gz`, or `-` for standard input.
 * Message ids come from the line number, so a body that is sent again is the same.
 */
export async function* retailBatches(path: string, eventsPerBatch: number): AsyncGenerator<RetailBatch> {
  const raw = path === '-' ? process.stdin : createReadStream(path)
  const lines = createInterface({ input: path.endsWith('.gz') ? raw.pipe(createGunzip()) : raw, crlfDelay: Infinity })
  let events: string[] = []
  let revenueThousandths = 0n
  let number = 0
  for await (const line of lines) {
    number += 1
    if (number === 1) continue
    const { json, thousandths } = retailEvent(line, number)
    events.push(json)
    revenueThousandths += thousandths
    if (events.length < eventsPerBatch) continue
    yield { body: `{"batch":[${events.join(',')}]}`, events: events.length, revenueThousandths }
    events = []
    revenueThousandths = 0n
  }
  if (events.length > 0) yield { body: `{"batch":[${events.join(',')}]}`, events: events.length, revenueThousandths }
}

function retailEvent(line: string, number: number): { json: string; thousandths: bigint } {
  const fields = line.includes('"') ? quotedFields(line) : line.split(',')
  const [invoice = '', product = '', name = '', quantity = '', date = '', price = '', customer = '', country = ''] = fields
  if (fields.length !== columns) throw new Error(`line ${number} has ${fields.length} columns, not ${columns}`)
  const thousandths = BigInt(quantity) * asThousandths(price)
  const who = customer === '' ? { anonymousId: `invoice-${invoice}` } : { userId: customer.replace(/\.0$/, '') }
  const json = JSON.stringify({
    type: 'track', event: 'Ordered Product', messageId: `retail-${number}`, ...who, timestamp: isoTime(date),
    properties: {
      order_id: invoice, product_id: product, name, quantity: Number(quantity), price: Number(price),
      value: Number(thousandths) / 1000, currency: 'GBP', country,
    },
  })
  return { json, thousandths }
}

function asThousandths(price: string): bigint {
  const match = /^(-?)(\d+)(?:\.(\d{1,3}))?$/.exec(price)
  if (match === null) throw new Error(`the price ${JSON.stringify(price)} is no amount of up to three places`)
  const amount = BigInt(match[2] ?? '0') * 1000n + BigInt((match[3] ?? '').padEnd(3, '0'))
  return match[1] === '-' ? -amount : amount
}

/** `2010-12-01 08:26:00` or `12/1/2010 8:26`. */
function isoTime(date: string): string {
  const us = /^(\d+)\/(\d+)\/(\d{4}) (\d+):(\d+)$/.exec(date)
  if (us === null) return `${date.slice(0, 10)}T${date.slice(11, 19).padEnd(8, ':00')}Z`
  const [, month = '', day = '', year = '', hour = '', minute = ''] = us
  return `${year}-${month.padStart(2, '0')}-${day.padStart(2, '0')}T${hour.padStart(2, '0')}:${minute}:00Z`
}

function quotedFields(line: string): readonly string[] {
  const fields: string[] = []
  for (const match of line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)) fields.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '')
  return fields
}
