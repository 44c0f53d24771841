import type { RawData, WebSocket } from 'ws'
import { MillraceError } from '../../../platform/errors.ts'
import { optionalPackage } from '../../../platform/optional-package.ts'
import { connectionFailure, statusFailure } from '../connection-failure.ts'
import { type PulsarAddress, readTrusted } from '../pulsar-address.ts'

export interface SocketPath {
  readonly kind: 'producer' | 'reader'
  readonly partition: number
  readonly parameters: Readonly<Record<string, string>>
  /** Hears each text frame; the first may come with the answer that opens the socket. */
  readonly heard: (text: string) => void
}

const openMsMax = 10_000
const pingEveryMs = 10_000

/** Opens a WebSocket of the broker's proxy. A peer that vanished without a word is noticed within 20 s and the socket closed. */
export async function connectSocket(address: PulsarAddress, { kind, partition, parameters, heard }: SocketPath): Promise<WebSocket> {
  const ws = await optionalPackage('pulsar+ws', 'ws', () => import('ws'))
  const query = new URLSearchParams(parameters).toString()
  const url = `${address.service}/ws/v2/${kind}/persistent/${address.topic}-partition-${partition}?${query}`
  const token = address.token()
  const ca = readTrusted(address)
  const socket = new ws.WebSocket(url, {
    perMessageDeflate: false,
    handshakeTimeout: openMsMax,
    headers: token === null ? {} : { authorization: `Bearer ${token}` },
    ...(ca === undefined ? {} : { ca }),
  })
  socket.on('message', (data) => heard(textOf(data)))
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('error', (error) => reject(connectionFailure(address.shown, error)))
    socket.once('unexpected-response', (request, response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.once('error', (error) => reject(connectionFailure(address.shown, error)))
      response.once('end', () => reject(refusal(address, response.statusCode ?? 0, Buffer.concat(chunks).toString())))
      request.once('error', (error) => reject(connectionFailure(address.shown, error)))
    })
  })
  keepAlive(socket)
  return socket
}

function textOf(data: RawData): string {
  if (Buffer.isBuffer(data)) return data.toString()
  return (Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data)).toString()
}

function refusal({ shown }: PulsarAddress, status: number, body: string): MillraceError {
  if (status !== 409) return statusFailure(shown, status, body)
  return new MillraceError('unavailable',
    `Pulsar at ${shown} still has a producer of this name; if that lasts, two processes use copies of one data directory`, { retryable: true })
}

function keepAlive(socket: WebSocket): void {
  let answered = true
  const timer = setInterval(() => {
    if (!answered) return socket.terminate()
    answered = false
    socket.ping()
  }, pingEveryMs).unref()
  socket.on('pong', () => {
    answered = true
  })
  socket.once('close', () => clearInterval(timer))
  // What went wrong is seen by the close that follows.
  socket.on('error', () => {})
}
