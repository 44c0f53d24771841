/** Where the page keeps the secret key: in this tab until it is closed, nowhere else. */
const storageKey = 'millrace-secret-key'

/** The parts of the browser that a key comes from. */
export interface KeyPlace {
  readonly storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>
  /** What follows # in the address, # included. */
  readonly fragment: string
  /** Replaces the fragment without leaving an entry in the history. */
  readonly replaceFragment: (fragment: string) => void
}

/** The key that this tab has; a link may hand one over as `#key=…`, which is taken out of the address before anything else happens. */
export function takeSessionKey({ storage, fragment, replaceFragment }: KeyPlace): string | null {
  const handed = fragment.startsWith('#key=') ? new URLSearchParams(fragment.slice(1)).get('key') : null
  if (fragment.startsWith('#key=')) replaceFragment('#/live')
  if (handed !== null && handed !== '') storage.setItem(storageKey, handed)
  return storage.getItem(storageKey)
}

export function keepSessionKey(storage: KeyPlace['storage'], key: string): void {
  storage.setItem(storageKey, key)
}

export function forgetSessionKey(storage: KeyPlace['storage']): void {
  storage.removeItem(storageKey)
}
