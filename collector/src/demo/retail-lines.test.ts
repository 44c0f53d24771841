import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, expect, it } from 'vitest'
import { type RetailLine, retailLines } from './retail-lines.ts'
import { sampleFile } from './sample-file.ts'

const directory = mkdtempSync(join(tmpdir(), 'millrace-retail-'))
const header = 'InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country'
const good = '536365,85123A,LANTERN,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom'

afterAll(() => rmSync(directory, { recursive: true }))

function file(name: string, content: string | Uint8Array): string {
  const path = join(directory, name)
  writeFileSync(path, content)
  return path
}

async function read(path: string): Promise<readonly RetailLine[]> {
  const lines: RetailLine[] = []
  for await (const line of retailLines(path)) lines.push(line)
  return lines
}

it('reads plain and gzip, with quotes, commas, line ends of either kind and without the last one', async () => {
  const text = `\ufeff${header}\r\n${good}\r\nC536379,D,"3"" HOOKS, BRASS",-1,2010-12-01 09:41,-27.5,,EIRE\n536380,22961,,24,2010-12-01 09:41:00,0.001,"17809",Île`
  const expected = [
    {
      number: 2, invoice: '536365', product: '85123A', name: 'LANTERN', quantity: 6, time: '2010-12-01T08:26:00.000Z', priceThousandths: 2_550,
      customer: '17850', country: 'United Kingdom',
    },
    {
      number: 3, invoice: 'C536379', product: 'D', name: '3" HOOKS, BRASS', quantity: -1, time: '2010-12-01T09:41:00.000Z', priceThousandths: -27_500,
      customer: null, country: 'EIRE',
    },
    {
      number: 4, invoice: '536380', product: '22961', name: '', quantity: 24, time: '2010-12-01T09:41:00.000Z', priceThousandths: 1,
      customer: '17809', country: 'Île',
    },
  ]
  expect(await read(file('plain.csv', text))).toEqual(expected)
  expect(await read(file('zipped.csv.gz', gzipSync(text)))).toEqual(expected)
})

it.each([
  ['no header', good, 'the first line must be'],
  ['nothing', '', 'is empty'],
  ['too few fields', `${header}\n${good}\n1,2,3`, 'line 3 has 3 fields'],
  ['a broken quote', `${header}\n${good.replace('LANTERN', '"LANTERN')}`, 'line 2 has a quote out of place'],
  ['a broken quote with a comma', `${header}\n${good.replace('LANTERN', '"BRASS, LANTERN')}`, 'line 2 has a quote out of place'],
  ['a part of a piece', `${header}\n${good.replace(',6,', ',6.5,')}`, 'line 2: the quantity "6.5"'],
  ['a price in words', `${header}\n${good.replace('2.55', 'two')}`, 'line 2: the price "two"'],
  ['another date', `${header}\n${good.replace('2010-12-01', '01/12/2010')}`, 'line 2: the date'],
  ['an endless line', `${header}\n${'x'.repeat(200_000)}`, 'a line is longer than'],
])('%s is refused with its line', async (name, text, message) => {
  await expect(read(file(`${name}.csv`, text))).rejects.toThrow(message)
})

it('a damaged, a cut and a missing file are errors, not an early end', async () => {
  const whole = gzipSync(`${header}\n${`${good}\n`.repeat(20_000)}`)
  await expect(read(file('cut.csv.gz', whole.subarray(0, whole.length - 20)))).rejects.toThrow('cannot be read on')
  await expect(read(file('damaged.csv.gz', `${header}\n${good}`))).rejects.toThrow('cannot be read on')
  await expect(read(join(directory, 'nowhere.csv'))).rejects.toThrow('cannot be read')
})

it('tells how much of the sample it has read', async () => {
  const told: number[] = []
  let lines = 0
  for await (const line of retailLines(sampleFile(), (bytes) => told.push(bytes))) lines = line.number
  expect(lines).toBe(55_154)
  expect(told.at(-1)).toBe(statSync(sampleFile()).size)
  expect(told).toEqual(told.toSorted((a, b) => a - b))
})
