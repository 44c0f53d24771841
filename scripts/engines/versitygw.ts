import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { installing } from './installing.ts'
import { startServer } from './server-process.ts'
import type { MissingEngine, StartedEngine } from './started-engine.ts'

/** The release that is built here and pinned in compose.yaml. */
export const versitygwVersion = 'v1.8.0'

/** The only account of a started gateway, for AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. */
export const versitygwAccount = Object.freeze({ accessKeyId: 'millrace-test', secretAccessKey: 'millrace-test-secret' })

/** The S3 gateway of Versity over a directory, with one bucket `archive`. The Go tool builds it once a version. */
export async function startVersitygw(): Promise<StartedEngine | MissingEngine> {
  const program = installing(buildOnce)
  if (typeof program !== 'string') return program
  return await startServer({
    program,
    // The gateway shows a directory as a bucket.
    args: (port, directory) => {
      mkdirSync(join(directory, 'archive'), { recursive: true })
      return ['--port', `127.0.0.1:${port}`, '--region', 'us-east-1', 'posix', directory]
    },
    env: { ROOT_ACCESS_KEY: versitygwAccount.accessKeyId, ROOT_SECRET_KEY: versitygwAccount.secretAccessKey },
    url: (port) => `s3://archive/test?endpoint=http://127.0.0.1:${port}&region=us-east-1`,
  })
}

function buildOnce(): string | MissingEngine {
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'millrace-engines')
  const program = join(cache, `versitygw-${versitygwVersion}`, 'versitygw')
  if (existsSync(program)) return program
  mkdirSync(cache, { recursive: true })
  const directory = mkdtempSync(join(cache, 'building-'))
  const built = spawnSync('go', ['install', `github.com/versity/versitygw/cmd/versitygw@${versitygwVersion}`], {
    encoding: 'utf8', env: { ...process.env, GOBIN: directory, GOFLAGS: '' },
  })
  if (built.status === 0) {
    // Whole or not there: a build that was broken off is never taken for a program.
    mkdirSync(join(cache, `versitygw-${versitygwVersion}`), { recursive: true })
    renameSync(join(directory, 'versitygw'), program)
  }
  rmSync(directory, { recursive: true, force: true })
  if (existsSync(program)) return program
  return { missing: `versitygw ${versitygwVersion} could not be built: ${(built.error?.message ?? built.stderr).trim().split('\n').at(-1) ?? ''}` }
}
