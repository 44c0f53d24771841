import type { IncomingMessage } from 'node:http'
import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import { type BodyBounds, readIncoming, readRequest } from './read-body.ts'
import type { Connection } from './read-turns.ts'

/** Absent where no Node server is behind the app, as in `app.request(...)`. */
export type EdgeBindings = Partial<HttpBindings>
export type EdgeContext = Context<{ Bindings: EdgeBindings }>

/** What ingest asks of a request. */
export interface EdgeRequest {
  /** `name` in lower case. */
  header(name: string): string | undefined
  query(name: string): string | undefined
  readonly remoteAddress: string | undefined
  /** The same for all requests of one connection; undefined where that is not known. */
  readonly connection: Connection | undefined
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
      connection: undefined,
      readBody: (bounds) => readRequest(context.req.raw, bounds),
      discardBody: () => {},
    }
  }
  return { ...nodeRequest(incoming), query }
}

/** A request of Node's own, whose target has no query. */
export function nodeRequest(incoming: IncomingMessage): EdgeRequest {
  return {
    header: (name) => {
      const value = incoming.headers[name]
      return typeof value === 'string' ? value : value?.join(', ')
    },
    query: () => undefined,
    remoteAddress: incoming.socket.remoteAddress,
    connection: incoming.socket,
    readBody: (bounds) => readIncoming(incoming, bounds),
    discardBody: () => void incoming.resume(),
  }
}
