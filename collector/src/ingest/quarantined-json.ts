import { isUtf8 } from 'node:buffer'
import { limits } from '@millrace/schemas'
import type { QuarantinedEvent } from '../ports/record.ts'

/** The JSON of what is kept of an event that can never succeed: its text, or base64 where it is no UTF-8. */
export function quarantinedJson(messageId: string, raw: Uint8Array): string {
  const kept = cutAtCharacter(raw, limits.quarantinedRawBytesMax)
  const event = isUtf8(kept) ? asText(messageId, kept, raw.length) : asBase64(messageId, raw)
  return JSON.stringify(event)
}

function asText(messageId: string, kept: Uint8Array, rawBytes: number): QuarantinedEvent {
  return { messageId, encoding: 'utf8', raw: bufferOf(kept).toString('utf8'), truncated: kept.length < rawBytes }
}

/** Four characters for three bytes: what is written stays within the limit. */
function asBase64(messageId: string, raw: Uint8Array): QuarantinedEvent {
  const kept = raw.subarray(0, Math.floor(limits.quarantinedRawBytesMax / 4) * 3)
  return { messageId, encoding: 'base64', raw: bufferOf(kept).toString('base64'), truncated: kept.length < raw.length }
}

/** Does not cut a character of UTF-8 in two; its later bytes are all 10xxxxxx. */
function cutAtCharacter(raw: Uint8Array, bytesMax: number): Uint8Array {
  if (raw.length <= bytesMax) return raw
  let end = bytesMax
  while (end > bytesMax - 4 && ((raw[end] ?? 0) & 0xc0) === 0x80) end -= 1
  return raw.subarray(0, end)
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
