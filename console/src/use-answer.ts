import { useCallback, useEffect, useRef, useState } from 'preact/hooks'

export type Answer<T> =
  | { readonly state: 'loading' }
  | { readonly state: 'failed'; readonly error: unknown }
  | { readonly state: 'ready'; readonly value: T }

export interface Question<T> {
  /** What is asked for; another key is another question, whose answer starts empty. */
  readonly key: string
  /** The same question is asked again when it changes. */
  readonly revision?: number
  readonly load: (signal: AbortSignal) => Promise<T>
}

/**
 * What `load` answers, asked at once, and again whenever `reload` is called. An answer stays on the page while the same
 * question is asked again; asking during a request asks once more after it.
 */
export function useAnswer<T>({ key, revision = 0, load }: Question<T>): { readonly answer: Answer<T>; readonly reload: () => void } {
  const [answer, setAnswer] = useState<{ readonly key: string; readonly answer: Answer<T> }>({ key, answer: { state: 'loading' } })
  const asking = useRef<{ again: boolean; busy: boolean; run: () => void }>({ again: false, busy: false, run: () => {} })
  const latest = useRef(load)
  latest.current = load
  useEffect(() => {
    const abort = new AbortController()
    const own = { again: false, busy: false, run: (): void => {} }
    own.run = () => {
      if (own.busy) {
        own.again = true
        return
      }
      own.busy = true
      const settle = (settled: Answer<T>): void => {
        own.busy = false
        if (abort.signal.aborted) return
        setAnswer({ key, answer: settled })
        if (!own.again) return
        own.again = false
        own.run()
      }
      latest.current(abort.signal).then((value) => settle({ state: 'ready', value }), (error: unknown) => settle({ state: 'failed', error }))
    }
    asking.current = own
    own.run()
    return () => abort.abort()
  }, [key])
  const asked = useRef(revision)
  useEffect(() => {
    if (asked.current === revision) return
    asked.current = revision
    asking.current.run()
  }, [revision])
  const reload = useCallback(() => asking.current.run(), [])
  return { answer: answer.key === key ? answer.answer : { state: 'loading' }, reload }
}
