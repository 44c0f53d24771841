import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { debianProgram } from './debian-program.ts'
import { startServer } from './server-process.ts'
import type { MissingEngine, StartedEngine } from './started-engine.ts'

/** MariaDB of the Debian package `mariadb-server-core`, which brings no service. `root` has no password. */
export async function startMariadb(): Promise<StartedEngine | MissingEngine> {
  const program = debianProgram('mariadbd', 'mariadb-server-core')
  if (typeof program !== 'string') return program
  // What makes the system tables reads its settings with a program of the client's package.
  const settings = debianProgram('my_print_defaults', 'mariadb-client-core')
  if (typeof settings !== 'string') return settings
  return await startServer({
    program,
    prepare: (directory) => {
      const ran = spawnSync('mariadb-install-db', [
        '--no-defaults', '--user=root', `--datadir=${join(directory, 'data')}`, '--auth-root-authentication-method=normal', '--skip-test-db',
      ], { encoding: 'utf8' })
      if (ran.status !== 0) throw new Error(`mariadb-install-db failed: ${ran.error?.message ?? ran.stdout + ran.stderr}`)
    },
    args: (port, directory) => [
      '--no-defaults', '--user=root', `--datadir=${join(directory, 'data')}`, `--port=${port}`, '--bind-address=127.0.0.1',
      `--socket=${join(directory, 'mariadb.sock')}`, `--pid-file=${join(directory, 'mariadb.pid')}`, '--innodb-buffer-pool-size=256M',
    ],
    url: (port) => `mysql://root@127.0.0.1:${port}/millrace`,
  })
}
