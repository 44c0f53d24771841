import { debianProgram } from './debian-program.ts'
import { startServer } from './server-process.ts'
import type { MissingEngine, StartedEngine } from './started-engine.ts'

/** Redis of the Debian package `redis-server`, without persistence: what a cache loses in a crash is gone. */
export async function startRedis(): Promise<StartedEngine | MissingEngine> {
  const program = debianProgram('redis-server', 'redis-server')
  if (typeof program !== 'string') return program
  return await startServer({
    program,
    args: (port, directory) => [
      '--bind', '127.0.0.1', '--port', String(port), '--dir', directory, '--save', '', '--maxmemory', '64mb',
    ],
    url: (port) => `redis://127.0.0.1:${port}/0`,
  })
}
