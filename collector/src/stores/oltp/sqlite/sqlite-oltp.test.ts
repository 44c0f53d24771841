import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { automationContract } from '../../../../test/contracts/automation-contract.ts'
import { oltpContract, type OltpUnderTest } from '../../../../test/contracts/oltp-contract.ts'
import { oltpConsentContract } from '../../../../test/contracts/oltp-consent-contract.ts'
import { oltpConcurrencyContract } from '../../../../test/contracts/oltp-concurrency-contract.ts'
import { oltpErasureContract } from '../../../../test/contracts/oltp-erasure-contract.ts'
import { oltpRebuildContract } from '../../../../test/contracts/oltp-rebuild-contract.ts'
import { oltpSettingsContract } from '../../../../test/contracts/oltp-settings-contract.ts'
import { SqliteOltp } from './sqlite-oltp.ts'
import { SqliteReader } from './sqlite-reader.ts'

async function open(): Promise<OltpUnderTest> {
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
}

oltpContract('SQLite', open)
oltpErasureContract('SQLite', open)
oltpConsentContract('SQLite', open)
oltpRebuildContract('SQLite', open)
oltpSettingsContract('SQLite', open)
oltpConcurrencyContract('SQLite', open, 40)
automationContract('SQLite', open)
