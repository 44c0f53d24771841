import { createHmac } from 'node:crypto'

/** `whsec_` and base64 of the key, as the Standard Webhooks specification writes a secret. */
const secretForm = /^whsec_([A-Za-z0-9+/]+={0,2})$/
const keyBytesMin = 16
const keyBytesMax = 64

export interface SignedMessage {
  readonly id: string
  /** Seconds since the epoch: when this try is made. */
  readonly timestamp: number
  readonly body: string
}

/** The `webhook-signature` header: one signature a key, so that a receiver may hold either while a secret rotates. */
export function webhookSignature({ id, timestamp, body }: SignedMessage, keys: readonly Uint8Array[]): string {
  return keys.map((key) => `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`).join(' ')
}

/** The key of a secret; null if the text is none. */
export function secretKeyOf(secret: string): Buffer | null {
  const text = secretForm.exec(secret)?.[1]
  if (text === undefined) return null
  const key = Buffer.from(text, 'base64')
  return key.length >= keyBytesMin && key.length <= keyBytesMax ? key : null
}

/** Enough to tell two secrets apart, too little to use. */
export function maskedSecret(secret: string): string {
  return `whsec_…${secret.slice(-4)}`
}
