import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import { type BodyBounds, readIncoming, readRequest } from './read-body.ts'

/** Absent where no Node server is behind the app, as in `app.request(...)`. */
export type EdgeBindings = Partial<HttpBindings>
export type EdgeContext = Context<{ Bindings: EdgeBindings }>

/** What ingest asks of a request. */
export interface EdgeRequest {
  /** `name` in lower case. */
  header(name: string): string | undefined
  query(name: string): string | undefined
  readonly remoteAddress: string | undefined
  readBody(bounds: BodyBounds): Promise<Uint8Array>
  /** Lets go of a body that nobody will read, as it comes. */
  discardBody(): void
}

/** Past Hono's Request straight to Node's where there is one: reading a body that way costs about half (bench/edge.ts). */
export function edgeRequest(context: EdgeContext): EdgeRequest {
  const bindings: EdgeBindings | undefined = context.env
  const incoming = bindings?.incoming
  const query = (name: string): string | undefined => context.req.query(name)
  if (incoming === undefined) {
    return {
      header: (name) => context.req.header(name),
      query,
      remoteAddress: undefined,
      readBody: (bounds) => readRequest(context.req.raw, bounds),
      discardBody: () => {},
    }
  }
  return {
    header: (name) => {
      const value = incoming.headers[name]
      return typeof value === 'string' ? value : value?.join(', ')
    },
    query,
    remoteAddress: incoming.socket.remoteAddress,
    readBody: (bounds) => readIncoming(incoming, bounds),
    discardBody: () => void incoming.resume(),
  }
}
