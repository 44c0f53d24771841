import { type MiddlewareOptions, type RequestContext, requestContext } from './request-context.ts'
import { waitUntilFlushed } from './wait-until-flushed.ts'

export type { MiddlewareOptions } from './request-context.ts'

/** What is used of Hono's context. */
interface HonoContext {
  readonly req: {
    readonly url: string
    header(name: string): string | undefined
  }
  readonly env: unknown
}

interface ContextRunner {
  runWithContext<Answer>(context: RequestContext, run: () => Answer): Answer
  flush(): Promise<void>
}

export interface HonoMiddlewareOptions extends MiddlewareOptions {
  /** Proxies of your own in front, whose entries of `X-Forwarded-For` are believed; 0 unless told: the header is not read. */
  readonly trustedProxies?: number
}

/**
 * Hono: calls made while a request is served carry its address, user agent and page, and the visitor's anonymous id from
 * the browser SDK's cookie. Where the platform ends an invocation with its answer (Workers, Vercel), it is asked to wait
 * until the events are settled.
 */
export function millraceContext(client: ContextRunner, options: HonoMiddlewareOptions = {}): (context: HonoContext, next: () => Promise<void>) => Promise<void> {
  return async (context, next) => {
    const { req, env } = context
    const header = (name: string): string | undefined => req.header(name)
    const ip = forwardedFor(header('x-forwarded-for'), options.trustedProxies ?? 0) ?? remoteAddress(env)
    await client.runWithContext(requestContext({ header, ip, url: req.url }, options), next)
    const platform = executionContext(context)
    if (platform !== null) void waitUntilFlushed(client, platform)
  }
}

/** The entry that the outermost trusted proxy wrote: those before it may be invented. */
function forwardedFor(header: string | undefined, trustedProxies: number): string | undefined {
  if (trustedProxies <= 0) return undefined
  return header?.split(',').at(-trustedProxies)?.trim()
}

/** On Node the server hands its own request through the environment. */
function remoteAddress(env: unknown): string | undefined {
  const socket: unknown = Reflect.get(Object(Reflect.get(Object(env), 'incoming')), 'socket')
  const address: unknown = Reflect.get(Object(socket), 'remoteAddress')
  return typeof address === 'string' ? address : undefined
}

/** Hono's getter throws where the platform has none. */
function executionContext(context: object): { readonly waitUntil: (promise: Promise<unknown>) => void } | null {
  try {
    const platform: unknown = Reflect.get(context, 'executionCtx')
    const waitUntil: unknown = Reflect.get(Object(platform), 'waitUntil')
    if (typeof waitUntil !== 'function') return null
    return { waitUntil: (promise) => void Reflect.apply(waitUntil, platform, [promise]) }
  } catch {
    return null
  }
}
