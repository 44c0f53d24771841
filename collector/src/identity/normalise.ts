import { domainToASCII } from 'node:url'
import { limits } from '@millrace/schemas'
import { isSupportedCountry, parsePhoneNumberFromString } from 'libphonenumber-js/min'
import type { IdentifierKind } from '../ports/identity.ts'
import { isBlocked } from './blocked.ts'
import { emailAlias } from './email-alias.ts'
import type { Identifier } from './identifier.ts'
import type { IdentitySettings } from './identity-settings.ts'

/** Shorter numbers are extensions and typing errors. */
const phoneDigitsMin = 7

/**
 * The one spelling of an identifier; null if the text can be none. Pure and idempotent: the same text gives the same
 * identifier for ever, so phones are taken as possible numbers, not as valid ones, which changes with each release of
 * the numbering plans.
 */
export function normaliseIdentifier(kind: IdentifierKind, text: string, settings: Pick<IdentitySettings, 'region'>): Identifier | null {
  const trimmed = text.trim()
  if (trimmed === '' || trimmed.length > limits.identifierBytesMax || isBlocked(kind, trimmed)) return null
  const value = normalised(kind, trimmed, settings)
  if (value === null || isTooLong(value) || (value !== trimmed && isBlocked(kind, value))) return null
  return { kind, namespace: '', value: value.toWellFormed() }
}

/** Each UTF-16 unit is at most three bytes, so most values need no counting. */
function isTooLong(value: string): boolean {
  return value.length * 3 > limits.identifierBytesMax && Buffer.byteLength(value) > limits.identifierBytesMax
}

function normalised(kind: IdentifierKind, text: string, { region }: Pick<IdentitySettings, 'region'>): string | null {
  if (kind === 'email') return normaliseEmail(text)
  if (kind === 'email_alias') return emailAlias(normaliseEmail(text) ?? '')
  if (kind === 'phone') return normalisePhone(text, region)
  if (kind === 'anonymous_id' && isUuidInAnyCase(text)) return text.toLowerCase()
  return text
}

function isUuidInAnyCase(text: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(text)
}

function normaliseEmail(text: string): string | null {
  const bare = /^<(.*)>$/s.exec(text)?.[1]?.trim() ?? text
  if (/[\s\p{Cc}<>"(),:;\\]/u.test(bare)) return null
  // Lower case can take a letter apart, hence the second composition.
  const lower = bare.normalize('NFC').toLowerCase().normalize('NFC')
  const at = lower.indexOf('@')
  if (at < 1 || at !== lower.lastIndexOf('@')) return null
  const domain = domainToASCII(lower.slice(at + 1))
  return isDomain(domain) ? `${lower.slice(0, at)}@${domain}` : null
}

/** domainToASCII lets empty labels through and turns `127.1` into an address. */
export function isDomain(domain: string): boolean {
  const labels = domain.split('.')
  return labels.length > 1 && labels.every((label) => /^[a-z0-9_-]{1,63}$/.test(label)) && !/^\d+$/.test(labels.at(-1) ?? '')
}

function normalisePhone(text: string, region: string | null): string | null {
  const bare = text.replace(/^tel:/i, '').trim()
  const country = region !== null && isSupportedCountry(region) ? region : undefined
  const number = parsePhoneNumberFromString(bare, { extract: false, ...(country === undefined ? {} : { defaultCountry: country }) })
  if (number === undefined || !number.isPossible() || number.nationalNumber.length < phoneDigitsMin) return null
  // However it is spelled: `(123) 456-7890`, `+1 777 777 7777`.
  if (isBlocked('phone', number.nationalNumber)) return null
  // `491711234567` without its plus in Germany reads as the number 491711234567 of Germany: nobody knows which is meant.
  const code = number.countryCallingCode
  if (bare.replaceAll(/\D/g, '').startsWith(code) && !bare.startsWith('+') && number.nationalNumber.startsWith(code)) return null
  return number.number
}
