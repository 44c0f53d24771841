import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { oltpContract } from '../../../../test/contracts/oltp-contract.ts'
import { SqliteOltp } from './sqlite-oltp.ts'
import { SqliteReader } from './sqlite-reader.ts'

oltpContract('SQLite', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-oltp-'))
  const path = join(directory, 'millrace.db')
  const oltp = new SqliteOltp(path)
  await oltp.migrate()
  const reader = new SqliteReader(path)
  return {
    oltp, reader,
    second: async () => new SqliteOltp(path),
    cleanup: async () => {
      await reader.close()
      await oltp.close()
      rmSync(directory, { recursive: true })
    },
  }
})
