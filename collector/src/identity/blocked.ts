import type { IdentifierKind } from '../ports/identity.ts'

/**
 * Values that many people share because a program or a form filled them in. Collected from the lists of PostHog
 * (person-merge-service) and Segment (identity resolution).
 */
const everyKind = new Set([
  'null', 'none', 'nil', 'nan', 'undefined', 'unknown', 'true', 'false', 'anonymous', 'guest', 'id', 'distinct_id', 'distinctid',
  'not_authenticated', 'email', 'void', 'n/a', '-1', '[object object]',
])
const emails = new Set(['test@test.com', 'none@none.com', 'na@na.com'])
const emailLocalParts = new Set(['noemail', 'noreply', 'no-reply', 'guest', 'undefined', 'null'])
const phones = new Set(['1234567890', '0123456789', '123456789', '+10000000000'])
const longestBlocked = 24

/** Whether a trimmed value can identify nobody; quotes around it and its case don't matter. */
export function isBlocked(kind: IdentifierKind, value: string): boolean {
  const bare = unquoted(value)
  if (/^[0-]*$/.test(bare) || isTemplate(bare)) return true
  const lower = bare.length <= longestBlocked ? bare.toLowerCase() : bare
  if (everyKind.has(lower)) return true
  if (kind === 'email') return emails.has(lower) || emailLocalParts.has(bare.slice(0, bare.lastIndexOf('@')).toLowerCase())
  return kind === 'phone' && (phones.has(bare) || /^\+?(\d)\1*$/.test(bare))
}

/** Every event's id comes by here, and hardly any has quotes: a look at its first letter costs a tenth of the expression. */
function unquoted(value: string): string {
  return `"'\``.includes(value.charAt(0)) ? value.replace(/^(["'`])(.*)\1$/s, '$2').trim() : value
}

/** What a template engine should have filled in. */
function isTemplate(value: string): boolean {
  return (value.includes('{') || value.startsWith('%')) && /\{\{.*\}\}|\$\{.*\}|^%.*%$/s.test(value)
}
