import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { afterAll, describe, expect, it } from 'vitest'
import { automationContract } from '../../../../test/contracts/automation-contract.ts'
import { oltpContract, type OltpUnderTest } from '../../../../test/contracts/oltp-contract.ts'
import { oltpConsentContract } from '../../../../test/contracts/oltp-consent-contract.ts'
import { oltpConcurrencyContract } from '../../../../test/contracts/oltp-concurrency-contract.ts'
import { oltpErasureContract } from '../../../../test/contracts/oltp-erasure-contract.ts'
import { oltpReadingContract } from '../../../../test/contracts/oltp-reading-contract.ts'
import { oltpRebuildContract } from '../../../../test/contracts/oltp-rebuild-contract.ts'
import { oltpSettingsContract } from '../../../../test/contracts/oltp-settings-contract.ts'
import { SqliteOltp } from './sqlite-oltp.ts'
import { SqliteReader } from './sqlite-reader.ts'

const prepared = new Set<string>()
const prepare = DatabaseSync.prototype.prepare
DatabaseSync.prototype.prepare = function (this: DatabaseSync, sql: string): StatementSync {
  prepared.add(sql)
  return prepare.call(this, sql)
}
afterAll(() => {
  DatabaseSync.prototype.prepare = prepare
})

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
oltpReadingContract('SQLite', open)
oltpRebuildContract('SQLite', open)
oltpSettingsContract('SQLite', open)
oltpConcurrencyContract('SQLite', open, 40)
automationContract('SQLite', open)

/** Tables that grow with events or people. */
const large = 'activity|identifier|identifier_register|identity_edge|profile|merge_log|consent|batch|load|archive_object|source_register'

describe('the statements of all contracts', () => {
  it('read of a large table only what they ask for', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-plans-'))
    const path = join(directory, 'millrace.db')
    const oltp = new SqliteOltp(path)
    await oltp.migrate()
    await oltp.close()
    const database = new DatabaseSync(path)
    const plans = [...prepared].filter((sql) => new RegExp(`^SELECT (?!count).* FROM (?:${large})\\b`, 's').test(sql) && !sql.endsWith('LIMIT 1')).map((sql) => ({
      sql, plan: prepare.call(database, `EXPLAIN QUERY PLAN ${sql}`).all().map((row) => String(row['detail'])),
    }))
    database.close()
    rmSync(directory, { recursive: true })
    const named = `${large}|edge|sighting`
    const whole = new RegExp(`^SCAN (?:${named})$|^SEARCH (?:${named}) USING PRIMARY KEY \\((?:workspace|partition)=\\?\\)$`)
    expect(plans.length).toBeGreaterThan(20)
    expect(plans.filter(({ plan }) => plan.some((step) => whole.test(step)))).toEqual([])
  })
})
