/** How often each message id of one input is in a tier. */
export type Counts = ReadonlyMap<string, number>

export interface Verdict {
  /** Over all tiers: message ids that a tier should hold and does not. */
  readonly lost: number
  /** Over all tiers: copies of a message id above the first. */
  readonly doubled: number
  /** Every broken invariant, in words; empty where all hold. */
  readonly faults: readonly string[]
}

export interface Expected {
  /** What every tier must hold, each once. */
  readonly stored: ReadonlySet<string>
  /** What no tier may hold any more. */
  readonly erased: ReadonlySet<string>
}

/** Holds what the tiers have, by their names, against what was sent. */
export function holdAgainst({ stored, erased }: Expected, tiers: ReadonlyMap<string, Counts>): Verdict {
  const faults: string[] = []
  let [lost, doubled] = [0, 0]
  for (const [tier, counts] of tiers) {
    const missing = [...stored].filter((id) => !counts.has(id))
    const copies = [...counts.values()].reduce((sum, count) => sum + count - 1, 0)
    const kept = [...counts.keys()].filter((id) => erased.has(id))
    const unknown = [...counts.keys()].filter((id) => !stored.has(id) && !erased.has(id))
    lost += missing.length
    doubled += copies
    if (missing.length > 0) faults.push(`${tier} lost ${missing.length}, ${missing.slice(0, 3).join(', ')} among them`)
    if (copies > 0) faults.push(`${tier} holds ${copies} copies`)
    if (kept.length > 0) faults.push(`${tier} still holds ${kept.length} events of people who were erased`)
    if (unknown.length > 0) faults.push(`${tier} holds ${unknown.length} events that nobody sent or that were dropped`)
  }
  return { lost, doubled, faults }
}
