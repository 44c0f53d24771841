import type { EdgeRow } from '../../../ports/identity.ts'

/** Edges as a transaction was given them, so that it need not write again of one that was seen once more what has not changed. */
export class GivenEdges {
  readonly #rows = new Map<string, EdgeRow>()

  add(row: EdgeRow): void {
    this.#rows.set(row.a + row.b, row)
  }

  /** Whether nothing but its count and when it was last seen may differ from what is stored. */
  isOnlySeen(row: EdgeRow): boolean {
    const given = this.#rows.get(row.a + row.b)
    return given !== undefined && given.workspace === row.workspace && given.rank === row.rank &&
      given.firstSeenSecret === row.firstSeenSecret && given.firstSeenPublic === row.firstSeenPublic &&
      given.state === row.state && given.witness === row.witness && given.cause === row.cause
  }

  /** What is written is not as it was given any more. */
  clear(): void {
    this.#rows.clear()
  }
}
