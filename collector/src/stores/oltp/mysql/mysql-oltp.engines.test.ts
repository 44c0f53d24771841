import { randomUUID } from 'node:crypto'
import { afterAll, it } from 'vitest'
import { startMariadb } from '../../../../../scripts/engines/mariadb.ts'
import { startMysql } from '../../../../../scripts/engines/mysql.ts'
import { oltpContract, type OltpUnderTest } from '../../../../test/contracts/oltp-contract.ts'
import { oltpConsentContract } from '../../../../test/contracts/oltp-consent-contract.ts'
import { oltpConcurrencyContract } from '../../../../test/contracts/oltp-concurrency-contract.ts'
import { automationContract } from '../../../../test/contracts/automation-contract.ts'
import { oltpErasureContract } from '../../../../test/contracts/oltp-erasure-contract.ts'
import { oltpReadingContract } from '../../../../test/contracts/oltp-reading-contract.ts'
import { oltpRebuildContract } from '../../../../test/contracts/oltp-rebuild-contract.ts'
import { oltpSettingsContract } from '../../../../test/contracts/oltp-settings-contract.ts'
import { openMysqlOltp } from './mysql-oltp.ts'
import { openMysqlReader } from './mysql-reader.ts'

for (const [name, start] of [['MySQL', startMysql], ['MariaDB', startMariadb]] as const) {
  const engine = await start()
  if ('missing' in engine) {
    it.skip(`OLTP contract: ${name}: ${engine.missing}`, () => {})
    continue
  }
  afterAll(() => engine.stop())
  const open = async (): Promise<OltpUnderTest> => {
    // A database of its own, which the driver makes.
    const url = new URL(engine.url)
    url.pathname = `/m_${randomUUID().replaceAll('-', '')}`
    const oltp = await openMysqlOltp(url.toString())
    const reader = await openMysqlReader(url.toString())
    return {
      oltp, reader,
      second: () => openMysqlOltp(url.toString()),
      cleanup: async () => {
        await reader.close()
        await oltp.close()
      },
    }
  }
  oltpContract(name, open)
  oltpErasureContract(name, open)
  oltpConsentContract(name, open)
  oltpReadingContract(name, open)
  oltpRebuildContract(name, open)
  oltpSettingsContract(name, open)
  automationContract(name, open)
  oltpConcurrencyContract(name, open, 60)
}
