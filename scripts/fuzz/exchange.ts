import { connect, type Socket } from 'node:net'
import { type HttpAnswer, takeAnswer } from './answers.ts'
import type { FuzzedRequest } from './mutate-request.ts'

/** All that a client hears that announced a body and did not send it. */
const goOn = /^HTTP\/1\.1 100 Continue\r\n\r\n$/

/** A server that says nothing for so long hangs. */
const answerMsMax = 20_000
const slowAnswerMsMax = 300_000

/** Sends fuzzed requests over raw sockets: what is well framed on one connection after the other, the rest on connections of their own. */
export class Exchange {
  readonly #port: number
  #kept: Socket | null = null

  constructor(port: number) {
    this.#port = port
  }

  /** The answers to what was sent: one, unless it was no single request. Fails where the server hangs or answers badly. */
  async send(request: FuzzedRequest): Promise<readonly HttpAnswer[]> {
    const socket = request.framed && this.#kept !== null ? this.#kept : connect({ port: this.#port, host: '127.0.0.1', allowHalfOpen: true })
    this.#kept = null
    const answers = await this.#exchange(socket, request)
    // What is closed by the server in between is its right.
    if (request.framed && !socket.destroyed && socket.writable && answers.every(({ headers }) => headers.get('connection') !== 'close')) this.#kept = socket
    else socket.destroy()
    return answers
  }

  close(): void {
    this.#kept?.destroy()
  }

  #exchange(socket: Socket, { bytes, method, framed, slow }: FuzzedRequest): Promise<readonly HttpAnswer[]> {
    const answerMs = slow ? slowAnswerMsMax : answerMsMax
    return new Promise((resolve, reject) => {
      const answers: HttpAnswer[] = []
      let received: Buffer = Buffer.alloc(0)
      const settle = (error: Error | null): void => {
        clearTimeout(timer)
        socket.removeAllListeners()
        socket.on('error', () => {})
        if (error === null) resolve(answers)
        else reject(error)
      }
      const timer = setTimeout(() => {
        socket.destroy()
        settle(new Error(`neither an answer nor an end within ${answerMs} ms`))
      }, answerMs)
      const take = (closed: boolean): void => {
        try {
          for (let taken = takeAnswer(received, method, closed); taken !== null; taken = takeAnswer(received, method, closed)) {
            answers.push(taken.answer)
            received = taken.rest
          }
          if (closed || (framed && answers.length > 0)) settle(received.length === 0 || goOn.test(received.toString('latin1')) ? null : new Error(`bytes after the answer: ${received.subarray(0, 200).toString('latin1')}`))
        } catch (error) {
          settle(error instanceof Error ? error : new Error(String(error)))
        }
      }
      socket.on('data', (chunk: Buffer) => {
        received = Buffer.concat([received, chunk])
        take(false)
      })
      socket.on('end', () => take(true))
      // A reset within a request that is cut off or too long is an end, too; what came before it counts.
      socket.on('error', () => {})
      socket.on('close', () => take(true))
      if (framed) socket.write(bytes)
      else socket.end(bytes)
    })
  }
}
