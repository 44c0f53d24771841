import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

/** Packages whose own scripts may run when they are installed: none. */
const mayBuild: readonly string[] = []

/** What is wrong with the lockfile: each package must be one of the registry whose bytes are known beforehand. */
export function findDependencyFaults(root: string): readonly string[] {
  return dependencyFaults(readFileSync(join(root, 'pnpm-lock.yaml'), 'utf8'), readFileSync(join(root, 'pnpm-workspace.yaml'), 'utf8'))
}

export function dependencyFaults(lockfile: string, workspace: string): readonly string[] {
  const lock: unknown = parse(lockfile)
  const packages = Object.entries(Object(field(lock, 'packages')))
  const faults = packages.length === 0 ? ['pnpm-lock.yaml names no packages'] : []
  for (const [name, entry] of packages) {
    const resolution = field(entry, 'resolution')
    const integrity = field(resolution, 'integrity')
    if (typeof integrity !== 'string' || !integrity.startsWith('sha512-')) faults.push(`${name} has no sha512 in pnpm-lock.yaml`)
    const extra = Object.keys(Object(resolution)).filter((key) => key !== 'integrity')
    if (extra.length > 0 || /[:#]/.test(name.replace(/\(.*$/, ''))) faults.push(`${name} does not come from the registry (${extra.join(', ')})`)
  }
  const builds = Object.entries(Object(field(parse(workspace), 'allowBuilds')))
  for (const [name, allowed] of builds) if (allowed !== false && !mayBuild.includes(name)) faults.push(`${name} may run scripts when it is installed (pnpm-workspace.yaml)`)
  return faults
}

function field(value: unknown, name: string): unknown {
  return Reflect.get(Object(value), name)
}
