import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { installing } from './installing.ts'
import { startServer } from './server-process.ts'
import type { MissingEngine, StartedEngine } from './started-engine.ts'

/** Oracle's MySQL is in no stable Debian; its packages there run from any folder beside the libraries they were built with. */
const suite = 'sid'

/**
 * MySQL itself, as distinct from MariaDB. The server and everything it links to are unpacked once into the user's cache
 * directory, nothing is installed; binary log on, as in production. `root` has no password.
 */
export async function startMysql(): Promise<StartedEngine | MissingEngine> {
  const root = installing(unpackOnce)
  if (typeof root !== 'string') return root
  const libraries = join(root, 'usr/lib/x86_64-linux-gnu')
  const program = join(libraries, 'ld-linux-x86-64.so.2')
  const args = (directory: string): readonly string[] => [
    '--library-path', libraries, join(root, 'usr/sbin/mysqld'), '--no-defaults', '--user=root', '--secure-file-priv=NULL',
    `--basedir=${join(root, 'usr')}`, `--lc-messages-dir=${join(root, 'usr/share/mysql')}`,
    `--character-sets-dir=${join(root, 'usr/share/mysql/charsets')}`, `--plugin-dir=${join(root, 'usr/lib/mysql/plugin')}`,
    `--datadir=${join(directory, 'data')}`,
  ]
  return await startServer({
    program,
    prepare: (directory) => {
      const ran = spawnSync(program, [...args(directory), '--initialize-insecure'], { encoding: 'utf8' })
      if (ran.status !== 0) throw new Error(`mysqld did not initialise: ${ran.error?.message ?? ran.stderr}`)
    },
    args: (port, directory) => [
      ...args(directory), `--port=${port}`, '--bind-address=127.0.0.1', '--mysqlx=OFF', `--socket=${join(directory, 'mysql.sock')}`,
      `--pid-file=${join(directory, 'mysqld.pid')}`, '--innodb-buffer-pool-size=256M', '--performance-schema=OFF',
    ],
    url: (port) => `mysql://root@127.0.0.1:${port}/millrace`,
  })
}

function unpackOnce(): string | MissingEngine {
  const home = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'millrace-engines', 'mysql')
  const root = join(home, 'root')
  const done = join(home, 'unpacked')
  if (existsSync(done)) return root
  rmSync(home, { recursive: true, force: true })
  try {
    unpack(home, root)
    writeFileSync(done, '')
    return root
  } catch (error) {
    rmSync(home, { recursive: true, force: true })
    return { missing: `MySQL could not be unpacked: ${error instanceof Error ? error.message : String(error)}` }
  }
}

/** An apt of its own, with this machine's mirror and Debian's keys, that has nothing installed and so fetches every library. */
function unpack(home: string, root: string): void {
  const apt = join(home, 'apt')
  for (const folder of ['etc/apt/preferences.d', 'etc/apt/apt.conf.d', 'etc/apt/trusted.gpg.d', 'var/lib/apt/lists/partial', 'var/cache/apt/archives/partial', 'var/lib/dpkg']) {
    mkdirSync(join(apt, folder), { recursive: true })
  }
  mkdirSync(root, { recursive: true })
  writeFileSync(join(apt, 'var/lib/dpkg/status'), '')
  writeFileSync(join(apt, 'etc/apt/sources.list'), `deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${debianMirror()} ${suite} main\n`)
  writeFileSync(join(apt, 'apt.conf'), `Dir "${apt}";
Dir::State::status "${join(apt, 'var/lib/dpkg/status')}";
APT::Architecture "amd64";
APT::Install-Recommends "false";
Acquire::Check-Valid-Until "false";
Acquire::Languages "none";
APT::Sandbox::User "root";
`)
  run('apt-get', ['-q', '-c', join(apt, 'apt.conf'), 'update'])
  run('apt-get', ['-q', '-c', join(apt, 'apt.conf'), 'install', '-y', '--download-only', 'mysql-server-core'])
  const archives = join(apt, 'var/cache/apt/archives')
  for (const file of readdirSync(archives)) {
    if (file.endsWith('.deb') && !/^(lib)?perl/.test(file)) run('dpkg-deb', ['-x', join(archives, file), root])
  }
  rmSync(apt, { recursive: true, force: true })
}

function debianMirror(): string {
  const { stdout } = spawnSync('apt-cache', ['policy'], { encoding: 'utf8' })
  const mirror = /\b(https?:\/\/\S+\/debian)\/? /.exec(stdout)?.[1]
  if (mirror === undefined) throw new Error('apt names no Debian mirror')
  return mirror
}

function run(program: string, args: readonly string[]): void {
  const ran = spawnSync(program, args, { encoding: 'utf8' })
  if (ran.status !== 0) throw new Error(`${program} failed: ${(ran.error?.message ?? ran.stderr).trim().split('\n').at(-1) ?? ''}`)
}
