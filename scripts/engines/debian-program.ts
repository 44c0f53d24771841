import { spawnSync } from 'node:child_process'
import { installing } from './installing.ts'
import type { MissingEngine } from './started-engine.ts'

/** The program's name where it can be run, after installing its Debian package if that takes no more than being root. */
export function debianProgram(program: string, debianPackage: string): string | MissingEngine {
  if (isThere(program)) return program
  if (process.getuid?.() !== 0) return { missing: `${program} is not installed, and only root can run apt-get install ${debianPackage}` }
  return installing(() => installed(program, debianPackage))
}

function installed(program: string, debianPackage: string): string | MissingEngine {
  const install = () => spawnSync('apt-get', ['install', '-y', '--no-install-recommends', debianPackage], {
    encoding: 'utf8', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  })
  let ran = install()
  if (ran.status !== 0) {
    // The package lists of a fresh machine are empty or old.
    spawnSync('apt-get', ['update'])
    ran = install()
  }
  if (isThere(program)) return program
  return { missing: `apt-get install ${debianPackage} failed: ${(ran.error?.message ?? ran.stderr).trim().split('\n').at(-1) ?? ''}` }
}

function isThere(program: string): boolean {
  return spawnSync(program, ['--version']).error === undefined
}
