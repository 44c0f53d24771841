import { MillraceError, messageOf } from '../../../platform/errors.ts'

/** Faults of the moment: another transaction's lock, a server that is away, restarting or read-only for now. */
const passing = new Set([
  'ER_LOCK_DEADLOCK', 'ER_LOCK_WAIT_TIMEOUT', 'ER_CHECKREAD', 'ER_CON_COUNT_ERROR', 'ER_SERVER_SHUTDOWN', 'ER_OPTION_PREVENTS_STATEMENT',
  'ER_TOO_MANY_USER_CONNECTIONS', 'ER_DISK_FULL', 'ER_RECORD_FILE_FULL', 'ER_QUERY_INTERRUPTED', 'ER_CONNECTION_KILLED', 'ER_NEW_ABORTING_CONNECTION',
])

/** What only a person can change, with what to do. */
const remedies: Readonly<Record<string, string>> = {
  ER_ACCESS_DENIED_ERROR: 'user name or password in the URL are wrong',
  ER_NOT_SUPPORTED_AUTH_MODE: 'this kind of account cannot be used: make one with caching_sha2_password or mysql_native_password',
  ER_DBACCESS_DENIED_ERROR: 'the user may not use this database: GRANT ALL ON it to the user',
  ER_BAD_DB_ERROR: 'the database does not exist and the user may not create it: CREATE DATABASE it',
  ER_TABLEACCESS_DENIED_ERROR: 'the user may not do this to a table: GRANT ALL ON the database to the user',
  ER_SPECIFIC_ACCESS_DENIED_ERROR: 'the user lacks a right: GRANT ALL ON the database to the user',
  HANDSHAKE_NO_SSL_SUPPORT: 'the server offers no TLS: leave out ?tls=true, or switch it on there',
  HANDSHAKE_SSL_ERROR: 'TLS failed: the server\'s certificate must be signed for this host name by an authority named with ?tlsCaFile=',
}

/** Certificate errors have many codes; all of them are for a person to solve. */
function isCertificateFault(code: string): boolean {
  return /^(ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_)/.test(code)
}

export function codeOf(error: unknown): string {
  const code: unknown = Reflect.get(Object(error), 'code')
  return typeof code === 'string' ? code : ''
}

/** What went wrong, in words that say which engine and what to do; retryable where waiting can help. */
export function mysqlFailure(error: unknown): MillraceError {
  if (error instanceof MillraceError) return error
  const code = codeOf(error)
  const remedy = remedies[isCertificateFault(code) ? 'HANDSHAKE_SSL_ERROR' : code]
  const message = messageOf(error) || code
  if (remedy !== undefined) return new MillraceError('bad_config', `MySQL (MILLRACE_OLTP_URL): ${remedy} (${message})`, { cause: error })
  if (isUnreachable(error)) return new MillraceError('unavailable', `MySQL (MILLRACE_OLTP_URL) cannot be reached: ${message}`, { retryable: true, cause: error })
  const retryable = passing.has(code)
  return new MillraceError(retryable ? 'unavailable' : 'internal', `MySQL: ${message}`, { retryable, cause: error })
}

/** The server said nothing: whether it did what it was asked is unknown. */
export function isUnreachable(error: unknown): boolean {
  const code = codeOf(error)
  // A connection that is already closed says so without a code.
  return code === '' ? Reflect.get(Object(error), 'fatal') === true : !code.startsWith('ER_')
}
