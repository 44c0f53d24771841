import { MillraceError, messageOf } from '../../../platform/errors.ts'

/** SQLite's primary result codes (https://www.sqlite.org/rescode.html) that say something of the machine, not of the statement. */
const causes: Readonly<Record<number, { readonly code: 'unavailable' | 'corrupt'; readonly what: string }>> = {
  5: { code: 'unavailable', what: 'another process holds the database' },
  6: { code: 'unavailable', what: 'another statement holds a table' },
  7: { code: 'unavailable', what: 'memory is short' },
  8: { code: 'unavailable', what: 'the file or its disk is read-only' },
  10: { code: 'unavailable', what: 'the disk answers with errors' },
  11: { code: 'corrupt', what: 'the database is damaged; restore it from a backup, the log keeps what came since' },
  13: { code: 'unavailable', what: 'the disk of the OLTP is full; free space, nothing is lost meanwhile' },
  14: { code: 'unavailable', what: 'the file cannot be opened' },
  26: { code: 'corrupt', what: 'the file is no database; restore it from a backup, the log keeps what came since' },
}

/**
 * What SQLite could not do, as the error that says whether waiting helps: a full or failing disk is `unavailable`, a damaged
 * file is `corrupt`. A fault of the statement or of its values is none of the machine's, and stays as it is.
 */
export function sqliteFailure(error: unknown): unknown {
  if (error instanceof MillraceError) return error
  const number: unknown = Reflect.get(Object(error), 'errcode')
  const cause = typeof number === 'number' ? causes[number & 0xff] : undefined
  if (cause === undefined) return error
  return new MillraceError(cause.code, `SQLite: ${cause.what} (${messageOf(error)})`, { retryable: cause.code === 'unavailable', cause: error })
}
