import { MillraceError } from '../../platform/errors.ts'

export type Row = Readonly<Record<string, unknown>>

/** The database knows the type of a column, TypeScript must be told. Text may come as UTF-8 bytes, where it is compared as such. */
export function textOf(row: Row, column: string): string {
  const value = row[column]
  if (typeof value === 'string') return value
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('utf8')
  throw new MillraceError('corrupt', `column ${column} holds no text`)
}

export function numberOf(row: Row, column: string): number {
  const value = row[column]
  if (typeof value === 'number') return value
  throw new MillraceError('corrupt', `column ${column} holds no number`)
}

export function bytesOf(row: Row, column: string): Buffer {
  const value = row[column]
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  throw new MillraceError('corrupt', `column ${column} holds no bytes`)
}

export function textOrNull(row: Row, column: string): string | null {
  return row[column] === null ? null : textOf(row, column)
}

export function numberOrNull(row: Row, column: string): number | null {
  return row[column] === null ? null : numberOf(row, column)
}
