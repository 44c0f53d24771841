import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** One answer: its status, and how long it took. */
export type Answered = (status: number, ms: number) => void

/** One keep-alive connection that has at most one request under way; raw, so that the sender costs little. */
export class Sender {
  readonly #port: number
  readonly #answered: Answered
  #socket: Socket | null = null
  #received = ''
  #sentAt = 0
  #busy = false

  constructor(port: number, answered: Answered) {
    this.#port = port
    this.#answered = answered
  }

  get busy(): boolean {
    return this.#busy
  }

  /** Resolves once it is connected. */
  async open(): Promise<void> {
    const socket = this.#socket ??= this.#open()
    if (socket.connecting) await once(socket, 'connect')
  }

  send(request: Uint8Array): void {
    this.#busy = true
    this.#sentAt = performance.now()
    this.#socket ??= this.#open()
    this.#socket.write(request)
  }

  close(): void {
    this.#socket?.destroy()
  }

  #open(): Socket {
    const socket = connect(this.#port, '127.0.0.1').setNoDelay(true)
    socket.on('data', (chunk: Buffer) => {
      this.#received += chunk.toString('latin1')
      const head = this.#received.indexOf('\r\n\r\n')
      const length = Number(/content-length: (\d+)/i.exec(this.#received)?.[1] ?? 0)
      if (head >= 0 && this.#received.length >= head + 4 + length) this.#done(Number(this.#received.slice(9, 12)))
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#socket = null
      if (this.#busy) this.#done(0)
    })
    return socket
  }

  #done(status: number): void {

    this.#received = ''
    this.#busy = false
    this.#answered(status, performance.now() - this.#sentAt)
  }
}

export function requestOf(key: string, events: number): Uint8Array {
  const body = JSON.stringify({ batch: Array.from({ length: events }, (_, index) => order(key, index)), sentAt: new Date().toISOString() })
  return Buffer.from([
    'POST /v1/batch HTTP/1.1', 'Host: 127.0.0.1', 'Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`,
    `Authorization: Basic ${Buffer.from(`${key}:`).toString('base64')}`, '', body,
  ].join('\r\n'))
}

/** An order of about 700 bytes. */
function order(key: string, index: number): object {
  return {
    type: 'track', event: 'Order Completed', messageId: `${key}-${index}`, userId: `customer-${index}`,
    anonymousId: '8d1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d', timestamp: new Date().toISOString(),
    properties: {
      order_id: `order-${index}`, value: 129.9, currency: 'EUR', coupon: 'WINTER', shipping: 4.9,
      products: [{ product_id: 'p-1', sku: 'SKU-1', name: 'Wool socks', price: 12.5, quantity: 4, category: 'Clothing' }],
    },
    context: { library: { name: 'bench', version: '1.0.0' }, locale: 'de-DE', page: { path: '/checkout', url: 'https://shop.example/checkout' } },
  }
}

export function percentile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? Number.NaN
}
