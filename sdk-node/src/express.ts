import { type MiddlewareOptions, type RequestContext, requestContext } from './request-context.ts'

export type { MiddlewareOptions } from './request-context.ts'

/** What is used of Express's request. */
interface ExpressRequest {
  /** As Express's own setting `trust proxy` says. */
  readonly ip?: string | undefined
  readonly protocol: string
  readonly originalUrl: string
  get(name: string): string | undefined
}

interface ContextRunner {
  runWithContext<Answer>(context: RequestContext, run: () => Answer): Answer
}

/**
 * Express: calls made while a request is served carry its address, user agent and page, and the visitor's anonymous id
 * from the browser SDK's cookie. The address is Express's `req.ip`: set `trust proxy` where proxies stand in front.
 */
export function millraceContext(client: ContextRunner, options: MiddlewareOptions = {}): (request: ExpressRequest, response: unknown, next: () => void) => void {
  return (request, _response, next) => {
    const header = (name: string): string | undefined => request.get(name)
    const url = `${request.protocol}://${header('host') ?? ''}${request.originalUrl}`
    client.runWithContext(requestContext({ header, ip: request.ip, url }, options), next)
  }
}
