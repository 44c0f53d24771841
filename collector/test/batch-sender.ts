import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

export interface SentCounts {
  events: number
  requests: number
  /** Answers other than 200 and connections that broke; each was sent again. */
  repeats: number
}

export interface BatchSenderOptions {
  /** Asked before each request: a collector that starts again has another. */
  readonly url: () => string
  readonly writeKey: string
  readonly connections: number
}

interface Sendable {
  readonly body: string
  readonly events: number
}

/** Posts bodies over keep-alive connections and sends each again, unchanged, until it is answered with 200. */
export class BatchSender {
  readonly counts: SentCounts = { events: 0, requests: 0, repeats: 0 }
  readonly #options: BatchSenderOptions
  readonly #agent: Agent
  readonly #headers: Readonly<Record<string, string>>

  constructor(options: BatchSenderOptions) {
    this.#options = options
    this.#agent = new Agent({ keepAlive: true, maxSockets: options.connections })
    this.#headers = {
      'content-type': 'application/json', authorization: `Basic ${Buffer.from(`${options.writeKey}:`).toString('base64')}`,
    }
  }

  /** Sends everything, `connections` bodies at a time. */
  async sendAll(batches: AsyncIterator<Sendable> | Iterator<Sendable>, sent?: (batch: Sendable) => void): Promise<void> {
    const lane = async (): Promise<void> => {
      for (let next = await batches.next(); next.done !== true; next = await batches.next()) {
        await this.send(next.value)
        sent?.(next.value)
      }
    }
    await Promise.all(Array.from({ length: this.#options.connections }, lane))
  }

  async send({ body, events }: Sendable): Promise<void> {
    for (;;) {
      // Whoever knows that there will be no collector any more throws here.
      const url = this.#options.url()
      const status = await this.#post(url, body).catch(() => 0)
      if (status === 200) break
      if (status >= 400 && status < 500 && status !== 429) throw new Error(`the collector answered ${status}`)
      this.counts.repeats += 1
      await sleep(20)
    }
    this.counts.requests += 1
    this.counts.events += events
  }

  close(): void {
    this.#agent.destroy()
  }

  #post(url: string, body: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const call = request(`${url}/v1/batch`, { method: 'POST', agent: this.#agent, headers: this.#headers }, (response) => {
        response.resume()
        response.on('end', () => resolve(response.statusCode ?? 0))
        response.on('error', reject)
      })
      call.on('error', reject)
      call.end(body)
    })
  }
}
