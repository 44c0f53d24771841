import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

export interface ToolReport {
  readonly ok: boolean
  readonly output: string
}

const root = join(import.meta.dirname, '../..')

/** The compiler over one project file; nothing is written. */
export function runCompiler(project: string): ToolReport {
  return runTool('typescript', 'tsc', ['--noEmit', '--pretty', 'false', '-p', project])
}

/** The linter with type information (.oxlintrc.json), over the given paths. */
export function runLinter(paths: readonly string[]): ToolReport {
  const config = join(root, '.oxlintrc.json')
  return runTool('oxlint', 'oxlint', ['--type-aware', '--deny-warnings', '--format', 'unix', '-c', config, ...paths])
}

/** Files nobody imports, exports nobody uses, and dependencies nobody needs or nobody declared (knip.json). */
export function runUnused(directory: string): ToolReport {
  return runTool('knip', 'knip', ['--no-progress', '--no-config-hints', '--directory', directory])
}

/** A package's own command under this Node, so that no shell or global install has a say. Bound: ten minutes. */
function runTool(name: string, command: string, parameters: readonly string[]): ToolReport {
  const file = binOf(name, command)
  const bin = join(root, 'node_modules/.bin')
  const env = { ...process.env, PATH: `${bin}:${process.env.PATH ?? ''}`, NO_COLOR: '1' }
  const ran = spawnSync(process.execPath, [file, ...parameters], { cwd: root, env, encoding: 'utf8', timeout: 600_000 })
  return { ok: ran.status === 0, output: `${ran.stdout}${ran.stderr}${ran.error?.message ?? ''}`.trim() }
}

function binOf(name: string, command: string): string {
  const folder = packageFolder(name)
  const manifest: unknown = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const bin = typeof manifest === 'object' && manifest !== null && 'bin' in manifest ? manifest.bin : undefined
  if (typeof bin === 'string') return join(folder, bin)
  const path = typeof bin === 'object' && bin !== null ? Object.entries(bin).find(([key]) => key === command)?.[1] : undefined
  if (typeof path !== 'string') throw new Error(`${name} has no command ${command}`)
  return join(folder, path)
}

function packageFolder(name: string): string {
  const folder = createRequire(import.meta.url).resolve.paths(name)?.map((path) => join(path, name))
    .find((path) => existsSync(join(path, 'package.json')))
  if (folder === undefined) throw new Error(`${name} is not installed: run pnpm install`)
  return folder
}
