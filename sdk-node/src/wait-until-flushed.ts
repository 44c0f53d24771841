import { callHost } from './host-calls.ts'

/** A platform's way to say that an invocation has work left after its answer. */
export type WaitUntil = (promise: Promise<unknown>) => void

interface Flushable {
  flush(): Promise<void>
}

/**
 * Serverless: has the platform wait until what was called so far is settled. Takes the platform's context (Cloudflare,
 * Hono's `executionCtx`, Next's event) or its `waitUntil` alone; without one it finds that of Vercel, and where there is
 * none the promise it answers is what to wait for. Once an invocation is enough. Never rejects.
 */
export function waitUntilFlushed(client: Flushable, platform?: WaitUntil | { readonly waitUntil: WaitUntil }): Promise<void> {
  const flushed = client.flush()
  callHost(() => {
    const found = platform ?? vercelContext()
    if (typeof found === 'function') found(flushed)
    else found?.waitUntil(flushed)
  })
  return flushed
}

/** Where Vercel's runtime keeps the context of the request. */
function vercelContext(): { readonly waitUntil: WaitUntil } | undefined {
  const holder: unknown = Reflect.get(globalThis, Symbol.for('@vercel/request-context'))
  const get: unknown = Reflect.get(Object(holder), 'get')
  const context: unknown = typeof get === 'function' ? Reflect.apply(get, holder, []) : undefined
  const waitUntil: unknown = Reflect.get(Object(context), 'waitUntil')
  return typeof waitUntil === 'function' ? { waitUntil: (promise) => void Reflect.apply(waitUntil, context, [promise]) } : undefined
}
