import type { MiddlewareHandler } from 'hono'
import { MillraceError } from '../platform/errors.ts'

/** What a route behind a secret key knows. */
export type WorkspaceVariables = { Variables: { workspace: number } }

/** Lets only a secret key as Bearer through, which also says whose data is meant. */
export function requireSecretKey(workspaceOf: (secretKey: string) => number | undefined): MiddlewareHandler<WorkspaceVariables> {
  return async (context, next) => {
    const bearer = /^Bearer (.+)$/.exec(context.req.header('authorization') ?? '')?.[1]
    const workspace = bearer === undefined ? undefined : workspaceOf(bearer.trim())
    if (workspace === undefined) throw new MillraceError('unauthorized', 'this route needs a secret key: Authorization: Bearer <secret key>')
    context.set('workspace', workspace)
    await next()
  }
}
