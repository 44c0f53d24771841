import { userInfo } from 'node:os'
import { debianProgram } from './debian-program.ts'
import { startServer } from './server-process.ts'
import type { MissingEngine, StartedEngine } from './started-engine.ts'

/** Memcached of the Debian package. */
export async function startMemcached(): Promise<StartedEngine | MissingEngine> {
  const program = debianProgram('memcached', 'memcached')
  if (typeof program !== 'string') return program
  return await startServer({
    program,
    args: (port) => ['-u', userInfo().username, '-l', '127.0.0.1', '-p', String(port), '-m', '64', '-U', '0'],
    url: (port) => `memcached://127.0.0.1:${port}`,
  })
}
