import type { Millrace } from './millrace.ts'

const answerMsMax = 1_000

export interface KeptIdOptions {
  /** The collector on a subdomain of the site; it has to be set up to keep ids. */
  readonly host: string
  /** The collector's neutral path; `/e` unless told. */
  readonly path?: string
  readonly fetch?: typeof globalThis.fetch
}

/**
 * For browsers that delete what scripts keep after a week: gives the client the id back that the collector keeps in a
 * cookie of its own. Hold the client at `consent: 'pending'` until this has resolved, which takes a second at most. An id
 * that the browser still has goes before it. False where the collector knew none.
 */
export async function restoreKeptId(millrace: Pick<Millrace, 'setAnonymousId'>, options: KeptIdOptions): Promise<boolean> {
  const { host, path = '/e', fetch = globalThis.fetch } = options
  try {
    const answer = await fetch(`${host.replace(/\/$/, '')}${path}/id`, { credentials: 'include', signal: AbortSignal.timeout(answerMsMax) })
    const id: unknown = Reflect.get(Object(await answer.json()), 'anonymousId')
    if (typeof id !== 'string' || id === '') return false
    millrace.setAnonymousId(id)
    return true
  } catch {
    // Late, forbidden or not set up: the browser's own id has to do.
    return false
  }
}
