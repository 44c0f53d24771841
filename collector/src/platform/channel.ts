import { errorCodes, MillraceError, type ErrorCode, messageOf } from './errors.ts'

/** What a channel needs of `process` in a child, or of the ChildProcess in its parent. */
export interface ChannelEnd {
  send?: ((message: ChannelMessage) => boolean) | undefined
  on(event: 'message', listener: (message: unknown) => void): unknown
  on(event: 'disconnect', listener: () => void): unknown
}

type ChannelMessage =
  | { readonly kind: 'call'; readonly id: number; readonly method: string; readonly params: unknown }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'failure'; readonly id: number; readonly code: string; readonly message: string; readonly retryable: boolean }

interface Waiting {
  resolve(value: unknown): void
  reject(error: unknown): void
}

export type Handler = (params: unknown) => Promise<unknown>

/** Calls between a process and its child, over Node's own pipe. A lost peer fails what waits for it. */
export class Channel {
  readonly #end: ChannelEnd
  readonly #handlers: ReadonlyMap<string, Handler>
  readonly #waiting = new Map<number, Waiting>()
  #nextId = 1

  constructor(end: ChannelEnd, handlers: ReadonlyMap<string, Handler>) {
    this.#end = end
    this.#handlers = handlers
    end.on('message', (message) => this.#take(message))
    end.on('disconnect', () => this.#lost())
  }

  call(method: string, params: unknown): Promise<unknown> {
    const id = this.#nextId
    this.#nextId += 1
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#send({ kind: 'call', id, method, params })
    })
  }

  #take(message: unknown): void {
    if (!isMessage(message)) return
    if (message.kind === 'call') {
      this.#answer(message.id, message.method, message.params)
      return
    }
    const waiting = this.#waiting.get(message.id)
    this.#waiting.delete(message.id)
    if (message.kind === 'answer') waiting?.resolve(message.value)
    else waiting?.reject(new MillraceError(codeOf(message.code), message.message, { retryable: message.retryable }))
  }

  #answer(id: number, method: string, params: unknown): void {
    const handler = this.#handlers.get(method)
    const work = handler === undefined ? Promise.reject(new MillraceError('internal', `no handler for ${method}`)) : handler(params)
    work.then(
      (value) => this.#send({ kind: 'answer', id, value }),
      (error: unknown) => this.#send({
        kind: 'failure', id, message: messageOf(error),
        code: error instanceof MillraceError ? error.code : 'internal',
        retryable: error instanceof MillraceError && error.retryable,
      }),
    )
  }

  #send(message: ChannelMessage): void {
    try {
      this.#end.send?.(message)
    } catch {
      // The peer is gone: 'disconnect' follows and fails what waits.
    }
  }

  #lost(): void {
    for (const waiting of this.#waiting.values()) {
      waiting.reject(new MillraceError('unavailable', 'the other process is gone', { retryable: true }))
    }
    this.#waiting.clear()
  }
}

function isMessage(value: unknown): value is ChannelMessage {
  return typeof value === 'object' && value !== null && 'kind' in value && 'id' in value && typeof value.id === 'number' &&
    (value.kind === 'call' || value.kind === 'answer' || value.kind === 'failure')
}

/** Both ends run the same version, so a code that is not ours cannot come; `internal` if it does. */
function codeOf(code: string): ErrorCode {
  return errorCodes.find((known) => known === code) ?? 'internal'
}
