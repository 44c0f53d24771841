import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, it } from 'vitest'

const program = fileURLToPath(new URL('../src/main.ts', import.meta.url))
const directory = mkdtempSync(join(tmpdir(), 'millrace-demo-test-'))

const purchases = `InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
1,22423,CAKESTAND,100,2010-12-01 08:26:00,12.75,17850,United Kingdom
2,22423,CAKESTAND,1,2010-12-02 08:26:00,12.75,17851,France
`

afterAll(() => rmSync(directory, { recursive: true }))

it('the demo shows the ready-made segments with their members', () => {
  const file = join(directory, 'purchases.csv')
  writeFileSync(file, purchases)
  const { status, stdout, stderr } = spawnSync(
    process.execPath, [program, 'demo', '--exit', '--port', '0', '--file', file, '--data', join(directory, 'data')], { encoding: 'utf8' },
  )
  expect(status, stdout + stderr).toBe(0)
  // The visitor of the story bought an hour ago; only one customer of the file spent more than a thousand.
  expect(stdout).toMatch(/Bought in the last 30 days +1 /)
  expect(stdout).toMatch(/Viewed and never bought +0 /)
  expect(stdout).toMatch(/Top spenders +1 /)
})
