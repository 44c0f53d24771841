import { hash } from 'node:crypto'

/** The first 16 bytes of a hash as a UUIDv8 (RFC 9562). Changes the bytes it is given. */
export function uuidV8(hash: Buffer): string {
  hash[6] = 0x80 | ((hash[6] ?? 0) & 0x0f)
  hash[8] = 0x80 | ((hash[8] ?? 0) & 0x3f)
  return uuidText(hash)
}

export function uuidText(bytes: Buffer): string {
  const hex = bytes.toString('hex', 0, 16)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

export function uuidBytes(text: string): Buffer {
  return Buffer.from(text.replaceAll('-', ''), 'hex')
}

function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/.test(text)
}

/**
 * A message id as a key of fixed form: a lower-case UUID is its own 16 bytes behind a 1, so that ids made in time
 * order stay neighbours in the tree; anything else is 16 bytes of SHA-256 behind a 2.
 */
export function messageKey(messageId: string): Buffer {
  if (isUuid(messageId)) return Buffer.from(`01${messageId.replaceAll('-', '')}`, 'hex')
  return Buffer.from(`02${hash('sha256', messageId, 'hex').slice(0, 32)}`, 'hex')
}
