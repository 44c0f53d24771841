import { limits } from '@millrace/schemas'

export interface PathSurvey {
  /** Distinct key paths, items of an array sharing one; counting stops above the limit. */
  readonly distinct: number
  /** Two paths are one when written with dots, as `a.b` beside `a: { b }`. */
  readonly ambiguous: boolean
}

interface PathNode {
  readonly dotted: string
  readonly children: Map<string, PathNode>
}

/** The exact count, for events whose keys are many or hold dots. The depth must be bounded already. */
export function surveyPaths(event: object, distinctMax: number): PathSurvey {
  const dotted = new Set<string>()
  let distinct = 0
  let ambiguous = false

  const child = (parent: PathNode, key: string): PathNode => {
    const known = parent.children.get(key)
    if (known !== undefined) return known
    const node = { dotted: `${parent.dotted}${key}.`, children: new Map<string, PathNode>() }
    parent.children.set(key, node)
    distinct += 1
    // An event with a longer path is too large anyway; writing such paths out could cost its square in memory.
    if (node.dotted.length > limits.eventBytesMax) return node
    if (dotted.has(node.dotted)) ambiguous = true
    dotted.add(node.dotted)
    return node
  }

  const visit = (value: unknown, node: PathNode): void => {
    if (typeof value !== 'object' || value === null || distinct > distinctMax) return
    if (Array.isArray(value)) for (const item of value) visit(item, node)
    else for (const [key, inner] of Object.entries(value)) visit(inner, child(node, key))
  }

  visit(event, { dotted: '', children: new Map() })
  return { distinct, ambiguous }
}
