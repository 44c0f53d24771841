import { ClickHouseError } from '@clickhouse/client'
import { MillraceError, messageOf } from '../../../platform/errors.ts'

/** By the server's own error codes: what only a person can change. */
const remedies: Readonly<Record<string, string>> = {
  '192': 'user name or password in the URL are wrong',
  '193': 'user name or password in the URL are wrong',
  '194': 'the user needs a password: name it in the URL',
  '516': 'user name or password in the URL are wrong',
  '81': 'the database does not exist and the user may not create it: CREATE DATABASE it',
  '291': 'the user may not use this database: GRANT ALL ON it to the user',
  '497': 'the user lacks a right: GRANT ALL ON the database, and SELECT ON system.*, to the user',
}

const where = 'ClickHouse (MILLRACE_OLAP_URL)'

/**
 * What passes by itself or when somebody makes room: time limits, memory, connections, a full or failing disk, replicas and their
 * keeper. By the server's own numbers: https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp
 */
const passing = new Set([
  '74', '75', '76', '77', '159', '160', '164', '173', '202', '203', '209', '210', '225', '236', '241', '242', '243', '252', '285', '286', '319', '394', '439',
  '473', '667', '999', '1001',
])

/** The server read the rows and will not have one of them, however often it is asked. */
const ofTheRows = new Set(['6', '20', '25', '26', '27', '32', '33', '38', '41', '53', '69', '72', '117', '131', '349', '407', '441', '469', '675'])

/** What a statement of this driver's own met, with whether waiting can help; the server's own error where neither list knows it. */
export function ownFault(error: ClickHouseError): unknown {
  if (ofTheRows.has(error.code)) return new MillraceError('olap_refused', `ClickHouse refuses a row: ${error.message}`, { cause: error })
  if (!passing.has(error.code)) return error
  return new MillraceError('unavailable', `ClickHouse cannot do it now: ${error.message}`, { retryable: true, cause: error })
}

/** The fault that waiting cannot heal, in words that say what to do; null for any other. */
export function lastingFault(error: unknown): MillraceError | null {
  if (error instanceof ClickHouseError) {
    const remedy = remedies[error.code]
    return remedy === undefined ? null : new MillraceError('bad_config', `${where}: ${remedy} (${error.message})`, { cause: error })
  }
  const code = String(Reflect.get(Object(error), 'code'))
  if (!/^(EPROTO|ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_)/.test(code)) return null
  return new MillraceError('bad_config',
    `${where}: TLS failed (${messageOf(error)}); the certificate must be signed for this host name by an authority named with ?tlsCaFile=, and https:// needs the server's TLS port`,
    { cause: error })
}

/** The release whose insert deduplication, dictionaries and settings are relied on. */
const leastVersion = [24, 8] as const

export function requireVersion(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > leastVersion[0] || (major === leastVersion[0] && minor >= leastVersion[1])) return
  throw new MillraceError('olap_unfit', `${where}: version ${version} is too old; ${leastVersion.join('.')} or newer is needed`)
}
