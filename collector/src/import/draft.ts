import type { Reject } from './reject.ts'

/** An event of the file as an SDK would send it, with its made message id. */
export interface Draft {
  readonly line: number
  readonly item: Readonly<Record<string, unknown>>
}

/** Makes events of what a file holds. */
export interface DraftMaker<Item> {
  /** What is complete once this item is read. */
  add(item: Item): readonly (Draft | Reject)[]
  /** What is left when nothing follows. */
  end(): readonly (Draft | Reject)[]
}
