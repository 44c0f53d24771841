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

const folders = ['schemas', 'sdk-browser', 'sdk-node', 'collector', 'examples', 'scripts', 'bench']
const leftOut = new Set(['node_modules', 'dist'])

/** Every TypeScript file of the repository, in one fixed order. */
export function readSourceFiles(root: string): readonly SourceFile[] {
  const top = readdirSync(root).filter((name) => name.endsWith('.ts'))
  const paths = [...top, ...folders.flatMap((folder) => pathsUnder(root, folder))]
  return paths.sort().map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
}

function pathsUnder(root: string, folder: string): readonly string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`
    if (entry.isDirectory()) return leftOut.has(entry.name) ? [] : pathsUnder(root, path)
    return entry.name.endsWith('.ts') ? [path] : []
  })
}
