import type {
  Component, EdgeEnds, EdgeRow, IdentifierRow, IdentityChanges, IdentityOverride, IdentityReader, MergeRow, ProfileRow,
  VetoRow,
} from '../src/ports/identity.ts'

/** Identity kept in memory for tests and benchmarks: what a store has to do, in the shortest form. */
export class MemoryIdentity implements IdentityReader {
  readonly identifierRows = new Map<string, IdentifierRow>()
  readonly edgeRows = new Map<string, EdgeRow>()
  readonly profileRows = new Map<string, ProfileRow>()
  readonly vetoes: VetoRow[] = []
  readonly merges: MergeRow[] = []
  readonly overrides: IdentityOverride[] = []
  /** Round trips so far. */
  reads = 0
  /** Rows they gave. */
  rowsRead = 0
  readonly #edgesByEnd = new Map<string, Set<string>>()
  readonly #members = new Map<string, Set<string>>()
  readonly #redirects = new Map<string, Set<string>>()

  async identifiers(workspace: number, keys: readonly string[]): Promise<readonly IdentifierRow[]> {
    this.reads++
    return this.#given(found(this.identifierRows, keys).filter((row) => row.workspace === workspace))
  }

  async edges(workspace: number, ends: readonly EdgeEnds[]): Promise<readonly EdgeRow[]> {
    this.reads++
    return this.#given(found(this.edgeRows, ends.map(({ a, b }) => a + b)).filter((row) => row.workspace === workspace))
  }

  async components(workspace: number, labels: readonly string[]): Promise<Component> {
    this.reads++
    const keys = new Set(labels.flatMap((label) => [...this.#members.get(label) ?? []]))
    const identifiers = found(this.identifierRows, [...keys]).filter((row) => row.workspace === workspace)
    const edges = this.#edgesAt(identifiers.map(({ key }) => key))
    this.rowsRead += identifiers.length + edges.length
    return {
      identifiers,
      liveEdges: edges.filter(({ state, a, b }) => state !== 'inert' && keys.has(a) && keys.has(b)),
      vetoes: this.vetoes.filter((veto) => veto.workspace === workspace && keys.has(veto.a)),
    }
  }

  async edgesOf(workspace: number, keys: readonly string[]): Promise<readonly EdgeRow[]> {
    this.reads++
    return this.#given(this.#edgesAt(keys).filter((row) => row.workspace === workspace))
  }

  async profiles(workspace: number, ids: readonly string[]): Promise<readonly ProfileRow[]> {
    this.reads++
    const wanted = new Set(ids)
    for (const id of ids) for (const from of this.#redirects.get(id) ?? []) wanted.add(from)
    return this.#given(found(this.profileRows, [...wanted]).filter((row) => row.workspace === workspace))
  }

  /** Does at once what a store does in one transaction. */
  apply(changes: IdentityChanges): void {
    for (const row of changes.identifiers) {
      const before = this.identifierRows.get(row.key)
      if (before !== undefined) this.#members.get(before.component)?.delete(row.key)
      this.identifierRows.set(row.key, row)
      add(this.#members, row.component, row.key)
    }
    for (const row of changes.edges) {
      const id = row.a + row.b
      this.edgeRows.set(id, row)
      add(this.#edgesByEnd, row.a, id)
      add(this.#edgesByEnd, row.b, id)
    }
    for (const row of changes.profiles) {
      const target = this.profileRows.get(row.id)?.mergedInto ?? null
      if (target !== null) this.#redirects.get(target)?.delete(row.id)
      this.profileRows.set(row.id, row)
      if (row.mergedInto !== null) add(this.#redirects, row.mergedInto, row.id)
    }
    const gone = new Set([...changes.vetoes, ...changes.liftedVetoes].map(({ workspace, a, b }) => `${workspace}${a}${b}`))
    const kept = this.vetoes.filter(({ workspace, a, b }) => !gone.has(`${workspace}${a}${b}`))
    this.vetoes.splice(0, this.vetoes.length, ...kept, ...changes.vetoes)
    for (const row of changes.merges) this.merges.push(row)
    for (const row of changes.overrides) this.overrides.push(row)
  }

  #given<Row>(rows: readonly Row[]): readonly Row[] {
    this.rowsRead += rows.length
    return rows
  }

  #edgesAt(keys: readonly string[]): readonly EdgeRow[] {
    return found(this.edgeRows, [...new Set(keys.flatMap((key) => [...this.#edgesByEnd.get(key) ?? []]))])
  }
}

function found<Row>(rows: ReadonlyMap<string, Row>, keys: readonly string[]): Row[] {
  const result: Row[] = []
  for (const key of keys) {
    const row = rows.get(key)
    if (row !== undefined) result.push(row)
  }
  return result
}

function add(index: Map<string, Set<string>>, key: string, value: string): void {
  const values = index.get(key)
  if (values === undefined) index.set(key, new Set([value]))
  else values.add(value)
}
