import { readFileSync } from 'node:fs'
import { systemClock } from '../src/platform/clock.ts'
import { decideCarefully } from '../src/pump/decide-carefully.ts'
import { readRecord } from '../src/pump/read-record.ts'
import { SqliteOltp } from '../src/stores/oltp/sqlite/sqlite-oltp.ts'
import { identityKey, tightSettings } from './identity-history.ts'
import { MemoryLog } from './memory-log.ts'

/** Owns one partition: decides its lines, a few at a time, tells its parent each batch, and ends when all are decided. */
const [path = '', number = '0', lines = ''] = process.argv.slice(2)
const partition = Number(number)
const log = new MemoryLog(partition + 1)
for (const line of readFileSync(lines, 'utf8').split('\n')) if (line !== '') log.append(partition, `${line}\n`, { events: 1, at: 0 })
const oltp = new SqliteOltp(path)
const { fence, row } = await oltp.claimPartition(partition, 'pump')
const context = { settings: tightSettings, identityKey, clock: systemClock }
for (let position = row.position; ;) {
  const records = log.after(partition, position).slice(0, 3)
  if (records.length === 0) break
  await decideCarefully(fence, records, {
    oltp, clock: systemClock, context, events: records.flatMap(readRecord), failed: (error) => process.send?.(`failed: ${String(error)}`), signal: new AbortController().signal,
  })
  position = records.at(-1)?.position ?? null
  process.send?.('decided')
}
await oltp.close()
process.disconnect()
