import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { Api, ApiError } from './api.ts'

export interface SignInProps {
  /** The key of before is not taken any more. */
  readonly refused: boolean
  /** Called with a key that the collector takes. */
  readonly signedIn: (key: string) => void
}

export function SignIn({ refused, signedIn }: SignInProps): JSX.Element {
  const [problem, setProblem] = useState(refused ? 'The collector does not take this key any more.' : '')
  const [busy, setBusy] = useState(false)
  const input = useRef<HTMLInputElement>(null)
  useEffect(() => {
    document.title = 'Millrace console'
    input.current?.focus()
  }, [])
  const submit = async (): Promise<void> => {
    const key = input.current?.value.trim() ?? ''
    if (key === '') return setProblem('Enter the secret key.')
    setBusy(true)
    try {
      await new Api(key, { fetch: (path, init) => fetch(path, init), unauthorized: () => {} }).get('/v1/status')
      signedIn(key)
    } catch (error) {
      setBusy(false)
      setProblem(error instanceof ApiError && error.status === 401 ? 'This is not a secret key of this collector.' : messageOf(error))
      input.current?.focus()
    }
  }
  return (
    <main class="sign-in">
      <form class="card" method="post" onSubmit={(event) => {
        event.preventDefault()
        void submit()
      }}>
        <p class="mark"><span aria-hidden="true" class="waves" />Millrace</p>
        <h1>Console</h1>
        <label for="secret-key">Secret key</label>
        <input id="secret-key" ref={input} type="password" autocomplete="off" spellcheck={false} required
          aria-describedby="key-hint" aria-invalid={problem !== ''} aria-errormessage="key-problem" />
        <p id="key-hint" class="hint">The collector printed it at its first start; <code>millrace keys create</code> makes another. It stays in this tab until you close it.</p>
        <p id="key-problem" class="problem" role="alert">{problem}</p>
        <button type="submit" class="main" disabled={busy}>{busy ? 'Signing in…' : 'Sign in'}</button>
      </form>
    </main>
  )
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
