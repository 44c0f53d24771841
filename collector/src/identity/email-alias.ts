/** Providers that deliver `name+anything@` where they deliver `name@`. */
const tagged = new Set([
  'gmail.com', 'googlemail.com', 'outlook.com', 'hotmail.com', 'live.com', 'icloud.com', 'me.com', 'mac.com', 'fastmail.com', 'fastmail.fm',
  'proton.me', 'protonmail.com', 'pm.me',
])
/** Both names of one provider, who ignores dots as well. */
const google = new Set(['gmail.com', 'googlemail.com'])

/**
 * The mailbox that a normalised address is one spelling of, at the providers that are known to have several for one; null at
 * any other, where nobody can know. Idempotent.
 */
export function emailAlias(email: string): string | null {
  const at = email.lastIndexOf('@')
  const domain = email.slice(at + 1)
  if (!tagged.has(domain)) return null
  const untagged = email.slice(0, at).replace(/\+.*$/s, '')
  const name = google.has(domain) ? untagged.replaceAll('.', '') : untagged
  return name === '' ? null : `${name}@${google.has(domain) ? 'gmail.com' : domain}`
}
