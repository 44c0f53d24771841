import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface SourceFile {
  /** From the root of the repository, with forward slashes. */
  readonly path: string
  readonly text: string
}

/** One broken rule at one place. */
export interface Violation {
  readonly path: string
  readonly line: number
  readonly message: string
}

const folders = ['schemas', 'sdk-browser', 'sdk-node', 'console', 'collector', 'examples', 'scripts', 'bench', 'docs', '.ci']
const leftOut = new Set(['node_modules', 'dist', 'pnpm-lock.yaml'])
const textEndings = /\.(?:[cm]?[jt]s|tsx|md|json|ya?ml|html|css|sql|sh)$/

/** Every TypeScript file of the repository, in one fixed order. */
export function readSourceFiles(root: string): readonly SourceFile[] {
  return readTextFiles(root).filter(({ path }) => /\.tsx?$/.test(path))
}

/** Every file of the repository that people write, the lockfile left out, in one fixed order. */
export function readTextFiles(root: string): readonly SourceFile[] {
  const top = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isFile()).map(({ name }) => name)
  const paths = [...top.filter((name) => !leftOut.has(name)), ...folders.flatMap((folder) => pathsUnder(root, folder))]
  return paths.filter((path) => textEndings.test(path) || path.startsWith('.ci/')).sort()
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
}

function pathsUnder(root: string, folder: string): readonly string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`
    if (leftOut.has(entry.name)) return []
    return entry.isDirectory() ? pathsUnder(root, path) : [path]
  })
}
