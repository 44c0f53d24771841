import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

/** Builds the package as it is published, types left out, into that directory. */
export function buildSdk(directory: string): void {
  const tsup = join(import.meta.dirname, '../../node_modules/tsup/dist/cli-default.js')
  const ran = spawnSync(process.execPath, [tsup, '--no-dts', '--out-dir', directory], { cwd: join(import.meta.dirname, '..'), encoding: 'utf8' })
  if (ran.status !== 0) throw new Error(`the build ended with ${ran.status}:\n${ran.stdout}${ran.stderr}`)
}
