import { open } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { MillraceError, messageOf } from '../platform/errors.ts'

/** One line of the Online Retail file. */
export interface RetailLine {
  /** In the file, the header being 1. */
  readonly number: number
  /** A leading C is a cancellation. */
  readonly invoice: string
  readonly product: string
  readonly name: string
  readonly quantity: number
  /** ISO 8601 in UTC. */
  readonly time: string
  /** Of one piece, in thousandths of a pound: exact. */
  readonly priceThousandths: number
  /** null for a guest. */
  readonly customer: string | null
  readonly country: string
}

const header = 'InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country'

/** Far above any line of the file (under 200); more is no such file, and must not fill the memory. */
const lineCharactersMax = 65_536

/**
 * The lines of an Online Retail file: plain, gzip (by its `.gz`), or `-` for standard input. `onRead` hears the bytes
 * of the file read so far. Fails with `bad_request` naming the line and what is wrong with it, `not_found` for no file.
 */
export async function* retailLines(path: string, onRead: (bytes: number) => void = () => {}): AsyncGenerator<RetailLine> {
  const raw = path === '-' ? process.stdin : await openFile(path)
  let bytes = 0
  raw.on('data', (chunk: Buffer | string) => onRead(bytes += chunk.length))
  const input = path.endsWith('.gz') ? unzipped(raw) : raw
  let number = 0
  for await (const line of textLines(input, path)) {
    number += 1
    if (number > 1) yield parseLine(line, number)
    else if (line.replace(/^\ufeff/, '') !== header) throw new MillraceError('bad_request', `the first line must be ${header}`)
  }
  if (number === 0) throw new MillraceError('bad_request', `${path === '-' ? 'standard input' : path} is empty; its first line must be ${header}`)
}

function unzipped(raw: Readable): Readable {
  const gunzip = createGunzip()
  raw.once('error', (error) => gunzip.destroy(error))
  gunzip.once('close', () => raw.destroy())
  return raw.pipe(gunzip)
}

/** Not readline: it has no bound for a line. */
async function* textLines(input: Readable, path: string): AsyncGenerator<string> {
  let rest = ''
  try {
    for await (const chunk of input.setEncoding('utf8')) {
      const lines = (rest + String(chunk)).split('\n')
      rest = lines.pop() ?? ''
      if (rest.length > lineCharactersMax) throw new Error(`a line is longer than ${lineCharactersMax} characters`)
      for (const line of lines) yield line.replace(/\r$/, '')
    }
  } catch (error) {
    throw new MillraceError('bad_request', `${path} cannot be read on: ${messageOf(error)}`, { cause: error })
  }
  if (rest !== '') yield rest
}

async function openFile(path: string): Promise<Readable> {
  try {
    return (await open(path)).createReadStream()
  } catch (error) {
    throw new MillraceError('not_found', `${path} cannot be read: ${messageOf(error)}`, { cause: error })
  }
}

function parseLine(line: string, number: number): RetailLine {
  const fields = line.includes('"') ? quotedFields(line, number) : line.split(',')
  const [invoice = '', product = '', name = '', quantity = '', date = '', price = '', customer = '', country = ''] = fields
  if (fields.length !== 8) throw new MillraceError('bad_request', `line ${number} has ${fields.length} fields where there must be 8`)
  if (!/^-?\d{1,9}$/.test(quantity)) throw new MillraceError('bad_request', `line ${number}: the quantity ${JSON.stringify(quantity)} is no whole number`)
  return {
    number, invoice, product, name, quantity: Number(quantity), time: isoTime(date, number), priceThousandths: thousandths(price, number),
    customer: customer === '' ? null : customer.replace(/\.0$/, ''), country,
  }
}

function thousandths(price: string, number: number): number {
  const match = /^(-?)(\d{1,9})(?:\.(\d{1,3}))?$/.exec(price)
  if (match === null) throw new MillraceError('bad_request', `line ${number}: the price ${JSON.stringify(price)} is no amount with up to three places`)
  const amount = Number(match[2]) * 1_000 + Number((match[3] ?? '').padEnd(3, '0'))
  return match[1] === '-' ? -amount : amount
}

function isoTime(date: string, number: number): string {
  const match = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d)(:\d\d)?$/.exec(date)
  if (match === null) throw new MillraceError('bad_request', `line ${number}: the date ${JSON.stringify(date)} is not of the form 2010-12-01 08:26:00`)
  return `${match[1]}T${match[2]}${match[3] ?? ':00'}.000Z`
}

/** RFC 4180 within one line; the file has no line breaks in its fields. */
function quotedFields(line: string, number: number): readonly string[] {
  const matches = Array.from(line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,"]*))(?=,|$)/g))
  const matched = matches.reduce((sum, match) => sum + match[0].length, 0)
  if (matched !== line.length) throw new MillraceError('bad_request', `line ${number} has a quote out of place`)
  return matches.map((match) => match[1]?.replaceAll('""', '"') ?? match[2] ?? '')
}
