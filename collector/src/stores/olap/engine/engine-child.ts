import { once } from 'node:events'
import type { Server } from 'node:http'
import { Channel } from '../../../platform/channel.ts'
import { hasCode, MillraceError } from '../../../platform/errors.ts'
import { giveWay } from '../../../platform/give-way.ts'
import { optionalPackage } from '../../../platform/optional-package.ts'
import type * as Sessions from './engine-sessions.ts'
import { createGateway } from './gateway.ts'

/**
 * The child process that holds the embedded engine: a crash of the engine's native code ends this process, not the
 * collector, and the secret comes over the pipe. It ends when its parent is gone.
 */

export interface EngineStart {
  readonly directory: string
  readonly memoryBytesMax: number
  readonly password: string
  /** 0 takes a free one. */
  readonly port: number
}

/** What an orphaned engine has for an orderly end. */
const orphanMs = 1_000

let stopping = false
let sessions: Sessions.EngineSessions | null = null
let server: Server | null = null

async function start({ directory, memoryBytesMax, password, port }: EngineStart): Promise<number> {
  // Loads and merges can wait where events and profiles cannot.
  giveWay(5)
  const { EngineSessions } = await loadSessions()
  const opened = await EngineSessions.open({ directory, memoryBytesMax })
  sessions = opened
  server = createGateway({ password, run: (request) => opened.run(request) })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new MillraceError('internal', 'the gateway has no port')
  return address.port
}

/** The engine's half gigabyte is left out where only ClickHouse servers are used, as in the slim container image. */
async function loadSessions(): Promise<typeof Sessions> {
  try {
    return await optionalPackage('embedded ClickHouse', 'chdb', () => import('./engine-sessions.ts'))
  } catch (error) {
    if (!hasCode(error, 'package_missing')) throw error
    throw new MillraceError('package_missing', `${error.message}, or name a ClickHouse server with --olap-url`, { cause: error })
  }
}

function isStart(value: unknown): value is EngineStart {
  return typeof value === 'object' && value !== null && 'directory' in value && 'memoryBytesMax' in value && 'password' in value && 'port' in value
}

/** Open requests are answered first; what a client leaves open is not waited for. */
function stop(): void {
  if (stopping) return
  stopping = true
  const end = (): void => {
    // A statement whose client went away still runs; closing would wait for it, and a kill costs the engine nothing.
    if (sessions?.isBusy() === true) process.kill(process.pid, 'SIGKILL')
    sessions?.close()
    process.exit(0)
  }
  if (server === null) return end()
  server.close(end)
  server.closeIdleConnections()
}

/** Nobody is left to read an answer, and the next collector wants the directory. */
function abandon(): void {
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), orphanMs)
  stop()
}

process.on('disconnect', abandon)
process.on('SIGTERM', stop)
// Ctrl-C reaches the whole group; the parent decides the order of the end.
process.on('SIGINT', () => undefined)
void new Channel(process, new Map([
  ['start', async (params: unknown): Promise<unknown> => {
    if (isStart(params)) return start(params)
    throw new MillraceError('internal', 'the engine got no configuration')
  }],
]))
