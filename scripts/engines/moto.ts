import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { installing } from './installing.ts'
import { startServer } from './server-process.ts'
import type { MissingEngine, StartedEngine } from './started-engine.ts'

const version = '5.2.5'

/**
 * The S3 of moto, with one bucket `archive`: a second reading of the protocol. It keeps everything in memory and takes
 * any signature, so it is never the only one. Installed once a version into the user's cache directory.
 */
export async function startMoto(): Promise<StartedEngine | MissingEngine> {
  const program = installing(installOnce)
  if (typeof program !== 'string') return program
  return await startServer({
    program,
    args: (port) => ['-H', '127.0.0.1', '-p', String(port)],
    url: (port) => `s3://archive/test?endpoint=http://127.0.0.1:${port}&region=us-east-1`,
    answers: makeBucket,
  })
}

async function makeBucket(port: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}/archive`, { method: 'PUT', signal: AbortSignal.timeout(5_000) })).ok
  } catch {
    return false
  }
}

function installOnce(): string | MissingEngine {
  const home = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'millrace-engines', `moto-${version}`)
  const program = join(home, 'bin', 'moto_server')
  if (existsSync(program)) return program
  mkdirSync(home, { recursive: true })
  const made = spawnSync('python3', ['-m', 'venv', home], { encoding: 'utf8' })
  const ran = made.status === 0
    ? spawnSync(join(home, 'bin', 'pip'), ['install', '--quiet', `moto[server,s3]==${version}`], { encoding: 'utf8' })
    : made
  if (ran.status === 0 && existsSync(program)) return program
  rmSync(home, { recursive: true, force: true })
  return { missing: `moto ${version} could not be installed: ${(ran.error?.message ?? ran.stderr).trim().split('\n').at(-1) ?? ''}` }
}
