import { importGraph } from './import-graph.ts'
import type { SourceFile, Violation } from './source-files.ts'

/**
 * Files that reach themselves through imports, types included: a pair that needs each other is one file or wants a
 * third below both. Each group (strongly connected component, by Tarjan, "Depth-first search and linear graph
 * algorithms", 1972) is reported once, at its first file.
 */
export function findCycles(files: readonly SourceFile[]): readonly Violation[] {
  const graph = new Map([...importGraph(files)].map(([path, imports]) => [path, imports.map(({ target }) => target)]))
  return new ComponentSearch(graph).find()
    .filter((group) => group.length > 1 || graph.get(group[0] ?? '')?.includes(group[0] ?? '') === true)
    .map((group) => {
      const sorted = [...group].sort()
      return { path: sorted[0] ?? '', line: 1, message: `import cycle: ${sorted.join(', ')}` }
    })
}

class ComponentSearch {
  readonly #graph: ReadonlyMap<string, readonly string[]>
  readonly #index = new Map<string, number>()
  readonly #open: string[] = []
  readonly #found: string[][] = []

  constructor(graph: ReadonlyMap<string, readonly string[]>) {
    this.#graph = graph
  }

  find(): readonly (readonly string[])[] {
    for (const path of this.#graph.keys()) {
      if (!this.#index.has(path)) this.#visit(path)
    }
    return this.#found
  }

  #visit(path: string): number {
    const index = this.#index.size
    let lowest = index
    this.#index.set(path, index)
    this.#open.push(path)
    for (const target of this.#graph.get(path) ?? []) {
      if (!this.#graph.has(target)) continue
      const seen = this.#index.get(target)
      if (seen === undefined) lowest = Math.min(lowest, this.#visit(target))
      else if (this.#open.includes(target)) lowest = Math.min(lowest, seen)
    }
    if (lowest === index) this.#found.push(this.#open.splice(this.#open.indexOf(path)))
    return lowest
  }
}
