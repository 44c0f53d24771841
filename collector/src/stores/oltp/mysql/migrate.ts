import { MillraceError } from '../../../platform/errors.ts'
import { numberOf, textOf } from '../row.ts'
import { migrations } from './schema.ts'
import type { Session } from './session.ts'

const lockSecondsMax = 60

/**
 * Brings the schema up to date on one connection, one process at a time, after looking whether the server is one that
 * can keep a promise: it must be new enough and write a commit to disk before it answers.
 */
export async function migrate(session: Session): Promise<void> {
  await requireFitServer(session)
  const lock = await session.get(`SELECT GET_LOCK(CONCAT('millrace/', DATABASE()), ?) AS taken`, lockSecondsMax)
  if (lock?.taken !== 1) throw new MillraceError('unavailable', `another process has been changing the MySQL schema for ${lockSecondsMax} s`, { retryable: true })
  try {
    await session.run(`CREATE TABLE IF NOT EXISTS schema_version (only TINYINT PRIMARY KEY, version INT NOT NULL) ENGINE = InnoDB`)
    await session.run('INSERT INTO schema_version (only, version) VALUES (1, 0) ON DUPLICATE KEY UPDATE only = only')
    const version = numberOf(await session.get('SELECT version FROM schema_version') ?? {}, 'version')
    if (version > migrations.length) {
      throw new MillraceError('bad_config', `the database was written by a newer Millrace (schema ${version}, this one knows ${migrations.length})`)
    }
    for (const [index, statements] of migrations.entries()) {
      if (index < version) continue
      for (const statement of statements) await session.run(statement)
      await session.run('UPDATE schema_version SET version = ?', index + 1)
    }
  } finally {
    await session.run(`DO RELEASE_LOCK(CONCAT('millrace/', DATABASE()))`)
  }
}

const packetBytesMin = 8_388_608

async function requireFitServer(session: Session): Promise<void> {
  const variables = new Map((await session.all(`SHOW VARIABLES WHERE Variable_name IN
    ('version', 'innodb_flush_log_at_trx_commit', 'sync_binlog', 'log_bin', 'max_allowed_packet')`))
    .map((row) => [textOf(row, 'Variable_name'), textOf(row, 'Value')]))
  const version = variables.get('version') ?? ''
  const [major = 0, minor = 0] = (/^(\d+)\.(\d+)/.exec(version)?.slice(1) ?? []).map(Number)
  const maria = /mariadb/i.test(version)
  const unfit = (what: string): MillraceError => new MillraceError('bad_config', `MySQL (MILLRACE_OLTP_URL): ${what}`)
  if (maria ? major < 10 || (major === 10 && minor < 6) : major < 8) throw unfit(`version ${version} is too old; MySQL 8.0 or MariaDB 10.6 is needed`)
  if ((variables.get('innodb_flush_log_at_trx_commit') ?? '1') !== '1') {
    throw unfit('a commit is not on disk when it is answered; set innodb_flush_log_at_trx_commit = 1')
  }
  if (variables.get('log_bin') === 'ON' && (variables.get('sync_binlog') ?? '1') === '0') {
    throw unfit('the binary log is not synced, so a crash loses commits; set sync_binlog = 1')
  }
  if (Number(variables.get('max_allowed_packet') ?? packetBytesMin) < packetBytesMin) {
    throw unfit(`max_allowed_packet is below ${packetBytesMin}; set it to 64M`)
  }
}
