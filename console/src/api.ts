import { field, textField } from './field.ts'

/** The collector refused, or could not be reached: then `status` is 0. */
export class ApiError extends Error {
  readonly status: number
  readonly code: string

  constructor(status: number, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

export interface ApiDependencies {
  /** The browser's own. */
  readonly fetch: (path: string, init: RequestInit) => Promise<Response>
  /** Told when the collector does not take the key. */
  readonly unauthorized: () => void
}

export type Query = Readonly<Record<string, string | number | undefined>>

/** The read side of the collector that served this page. The secret key goes into a header, never into an address. */
export class Api {
  readonly #key: string
  readonly #dependencies: ApiDependencies

  constructor(key: string, dependencies: ApiDependencies) {
    this.#key = key
    this.#dependencies = dependencies
  }

  get(path: string, query: Query = {}, signal?: AbortSignal): Promise<unknown> {
    return this.#ask(withQuery(path, query), signal === undefined ? {} : { signal })
  }

  post(path: string, body: unknown): Promise<unknown> {
    return this.#ask(path, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } })
  }

  async #ask(path: string, init: RequestInit): Promise<unknown> {
    const headers = { ...Object.fromEntries(new Headers(init.headers)), authorization: `Bearer ${this.#key}` }
    const response = await this.#dependencies.fetch(path, { ...init, headers, cache: 'no-store', credentials: 'omit', redirect: 'error' }).catch((error: unknown) => {
      if (init.signal?.aborted === true) throw error
      throw new ApiError(0, 'unreachable', 'The collector cannot be reached.')
    })
    const body: unknown = await response.json().catch(() => null)
    if (response.ok) return body
    if (response.status === 401) this.#dependencies.unauthorized()
    const error = field(body, 'error')
    throw new ApiError(response.status, textField(error, 'code'), textField(error, 'message') || `The collector answered ${response.status}.`)
  }
}

export function withQuery(path: string, query: Query): string {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) if (value !== undefined) parameters.set(name, String(value))
  const text = parameters.toString()
  return text === '' ? path : `${path}?${text}`
}
