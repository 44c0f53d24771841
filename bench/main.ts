/**
 * `pnpm bench` lists the benchmarks, `pnpm bench NAME [ARGUMENTS]` runs one: bench/NAME.ts, whose first comment says
 * what it measures and what its arguments are.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'

const own = basename(import.meta.filename)
const names = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && file !== own)
  .map((file) => basename(file, '.ts'))
  .toSorted()

const [name, ...rest] = process.argv.slice(2)
if (name !== undefined && names.includes(name)) {
  const ran = spawnSync(process.execPath, [join(import.meta.dirname, `${name}.ts`), ...rest], { stdio: 'inherit' })
  process.exitCode = ran.status ?? 1
} else {
  if (name !== undefined) process.stderr.write(`there is no benchmark ${name}\n`)
  process.stdout.write(`pnpm bench NAME [ARGUMENTS]\n${names.map((known) => `  ${known.padEnd(10)} ${about(known)}\n`).join('')}`)
  process.exitCode = name === undefined ? 0 : 2
}

/** The first sentence of the file's opening comment. */
function about(benchmark: string): string {
  const text = readFileSync(join(import.meta.dirname, `${benchmark}.ts`), 'utf8')
  const comment = /^\/\*\*(.*?)\*\//s.exec(text)?.[1] ?? ''
  return /^.*?[.:](?=\s|$)/.exec(comment.replaceAll(/\s*\n \* ?/g, ' ').trim())?.[0].replace(/:$/, '.') ?? ''
}
