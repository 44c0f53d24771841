import { randomBytes } from 'node:crypto'
import { resolve } from 'node:path'
import { Channel } from '../../../platform/channel.ts'
import type { Clock } from '../../../platform/clock.ts'
import { makeDirectory } from '../../../platform/make-directory.ts'
import type { Logger } from '../../../platform/logger.ts'
import { siblingProgram, supervise } from '../../../platform/supervise.ts'

export interface Engine {
  /** Of the gateway, on the loopback address; the same over restarts. */
  readonly url: string
  /** Made at each start of the collector and kept nowhere. */
  readonly password: string
  /** Process id of the running child, if there is one. */
  pid(): number | undefined
  stop(): Promise<void>
}

export interface EngineSettings {
  readonly directory: string
  readonly memoryBytesMax: number
  readonly clock: Clock
  readonly logger: Logger
}

/** Starts the embedded ClickHouse engine in a child process and keeps it running. */
export async function startEngine({ directory, memoryBytesMax, clock, logger }: EngineSettings): Promise<Engine> {
  makeDirectory(resolve(directory))
  const password = randomBytes(24).toString('base64url')
  let port = 0
  const supervisor = await supervise({
    program: siblingProgram(import.meta.url, './engine-child'),
    name: 'engine',
    clock,
    begin: async (child) => {
      port = Number(await new Channel(child, new Map()).call('start', { directory, memoryBytesMax, password, port }))
    },
    ended: (how) => logger.warn('the ClickHouse engine ended and is started again', { how }),
  })
  return { url: `http://127.0.0.1:${port}`, password, pid: () => supervisor.pid(), stop: () => supervisor.stop(20_000) }
}
