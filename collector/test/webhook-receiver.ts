import { createHmac, timingSafeEqual } from 'node:crypto'
import { createServer, type Server, type ServerResponse } from 'node:http'

export interface ReceivedWebhook {
  readonly id: string
  readonly timestamp: number
  readonly body: unknown
  /** How many of the signatures the key verifies. */
  readonly verified: number
  /** By the clock of this process. */
  readonly at: number
}

/** Answers a try; a receiver that does nothing never answers. */
export type Answer = (received: ReceivedWebhook, response: ServerResponse) => void

const skewSecondsMax = 300

/** A receiver of Standard Webhooks on a free port of this machine: verifies, counts, answers as told. */
export class WebhookReceiver {
  readonly received: ReceivedWebhook[] = []
  answer: Answer = (_, response) => {
    response.writeHead(204).end()
  }

  readonly #server: Server
  readonly #key: Buffer
  #wake: () => void = () => {}

  constructor(secret: string) {
    this.#key = Buffer.from(secret.replace('whsec_', ''), 'base64')
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8')
        const id = String(request.headers['webhook-id'])
        const timestamp = Number(request.headers['webhook-timestamp'])
        const signatures = String(request.headers['webhook-signature']).split(' ')
        const fresh = Math.abs(Date.now() / 1_000 - timestamp) < skewSecondsMax
        const body: unknown = JSON.parse(text)
        const received = {
          id, timestamp, body, at: Date.now(), verified: fresh ? signatures.filter((signature) => this.#verifies(signature, `${id}.${timestamp}.${text}`)).length : 0,
        }
        this.received.push(received)
        this.answer(received, response)
        this.#wake()
      })
    })
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => {
      this.#server.listen(0, '127.0.0.1', resolve)
    })
    const address = this.#server.address()
    return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}/hook`
  }

  /** Distinct webhook ids so far. */
  ids(): ReadonlySet<string> {
    return new Set(this.received.map(({ id }) => id))
  }

  /** Resolves once the condition holds; looked at after each webhook. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
  }

  #verifies(signature: string, content: string): boolean {
    const [version, text = ''] = signature.split(',')
    const given = Buffer.from(text, 'base64')
    const wanted = createHmac('sha256', this.#key).update(content).digest()
    return version === 'v1' && given.length === wanted.length && timingSafeEqual(given, wanted)
  }
}
