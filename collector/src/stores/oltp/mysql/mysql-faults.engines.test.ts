import { afterAll, describe, expect, it } from 'vitest'
import { startMariadb } from '../../../../../scripts/engines/mariadb.ts'
import { startMysql } from '../../../../../scripts/engines/mysql.ts'
import { batchRow } from '../../../../test/contracts/batch-row.ts'
import { openMysqlOltp } from './mysql-oltp.ts'
import { openMysqlReader } from './mysql-reader.ts'
import { openPool, parseMysqlUrl } from './open-pool.ts'
import { Session } from './session.ts'

const nothing = {
  identity: { identifiers: [], edges: [], profiles: [], merges: [], overrides: [], pointings: [], vetoes: [], liftedVetoes: [] },
  claims: [], registers: [], consents: [], metrics: [], timeline: [], quarantine: [], erasures: [], settings: [], resolves: [], touched: [], sequence: null,
}

for (const [name, start] of [['MySQL', startMysql], ['MariaDB', startMariadb]] as const) {
  const engine = await start()
  if ('missing' in engine) {
    it.skip(`faults of ${name}: ${engine.missing}`, () => {})
    continue
  }
  const address = (change: (url: URL) => void): string => {
    const url = new URL(engine.url)
    change(url)
    return url.toString()
  }
  const asRoot = async (...statements: readonly string[]): Promise<void> => {
    const pool = await openPool(parseMysqlUrl(engine.url), 1)
    for (const statement of statements) await new Session(pool).run(statement)
    await pool.end()
  }
  const started = async (url: string): Promise<void> => {
    const oltp = await openMysqlOltp(url)
    try {
      await oltp.migrate()
    } finally {
      await oltp.close()
    }
  }

  describe(`faults of ${name}`, () => {
    afterAll(() => engine.stop())

    it('says that the password is wrong', async () => {
      await asRoot(`CREATE USER 'known'@'%' IDENTIFIED BY 'right'`)
      const url = address((to) => Object.assign(to, { username: 'known', password: 'wrong' }))
      await expect(started(url)).rejects.toMatchObject({ code: 'bad_config', retryable: false, message: expect.stringContaining('user name or password') })
      await expect(started(url)).rejects.not.toThrow('wrong@')
    })

    it('says that the database is missing where the user may not make it', async () => {
      await asRoot(`CREATE USER 'narrow'@'%' IDENTIFIED BY 'p'`)
      const url = address((to) => Object.assign(to, { username: 'narrow', password: 'p', pathname: '/nowhere' }))
      await expect(started(url)).rejects.toMatchObject({ code: 'bad_config', message: expect.stringMatching(/may not use this database|does not exist/) })
    })

    it('says that the user may not make tables', async () => {
      await asRoot(`CREATE USER 'reader'@'%' IDENTIFIED BY 'p'`, 'CREATE DATABASE narrow', `GRANT SELECT, INSERT ON narrow.* TO 'reader'@'%'`)
      const url = address((to) => Object.assign(to, { username: 'reader', password: 'p', pathname: '/narrow' }))
      await expect(started(url)).rejects.toMatchObject({ code: 'bad_config', message: expect.stringContaining('GRANT ALL') })
    })

    it('refuses a server whose certificate nobody vouches for, or that has none', async () => {
      const url = address((to) => to.searchParams.set('tls', 'true'))
      await expect(started(url)).rejects.toMatchObject({ code: 'bad_config', message: expect.stringContaining('TLS') })
    })

    it('refuses a server that answers a commit before it is on disk', async () => {
      await asRoot('SET GLOBAL innodb_flush_log_at_trx_commit = 2')
      await expect(started(engine.url)).rejects.toMatchObject({ code: 'bad_config', message: expect.stringContaining('innodb_flush_log_at_trx_commit = 1') })
      await asRoot('SET GLOBAL innodb_flush_log_at_trx_commit = 1')
    })

    it('keeps what it committed through kill -9, and goes on by itself after', async () => {
      const oltp = await openMysqlOltp(engine.url)
      await oltp.migrate()
      const reader = await openMysqlReader(engine.url)
      const { fence } = await oltp.claimPartition(0, 'pump')
      const decide = (batch: number): Promise<void> =>
        oltp.decide(fence, (transaction) => transaction.apply({ ...nothing, batch: batchRow(batch) }))
      await decide(1)
      const half = oltp.decide(fence, async (transaction) => {
        await transaction.apply({ ...nothing, batch: batchRow(2) })
        await engine.kill()
      })
      await expect(half).rejects.toMatchObject({ code: expect.stringMatching(/^(unavailable|outcome_unknown)$/), retryable: true })
      await expect(decide(2)).rejects.toMatchObject({ code: 'unavailable', retryable: true })
      await expect(reader.partitions()).rejects.toMatchObject({ retryable: true })
      await expect(started(engine.url)).rejects.toMatchObject({ code: 'unavailable', retryable: true })
      await engine.restart()
      expect((await oltp.partition(0)).batch).toBe(1)
      await decide(2)
      expect((await reader.partitions())[0]?.batch).toBe(2)
      await reader.close()
      await oltp.close()
    })
  })
}

describe('the address of a MySQL', () => {
  it('names what is wrong with it', () => {
    expect(() => parseMysqlUrl('mysql://user@host/a-b')).toThrow('letters, digits and _')
    expect(() => parseMysqlUrl('mysql://user@host/shop?ssl=1')).toThrow('no parameter ssl')
    expect(() => parseMysqlUrl('mysql://user@host/shop?tls=yes')).toThrow('tls must be true or false')
    expect(() => parseMysqlUrl('mysql://user@host/shop?tlsCaFile=/no/such/file')).toThrow('tlsCaFile')
  })

  it('takes user, password, port and database apart', () => {
    expect(parseMysqlUrl('mysql://me:p%40ss@[::1]:3307/shop')).toEqual({ host: '::1', port: 3307, user: 'me', password: 'p@ss', database: 'shop', tls: null })
    expect(parseMysqlUrl('mysql://host')).toMatchObject({ port: 3306, user: 'root', database: 'millrace' })
  })
})
