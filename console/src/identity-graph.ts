import { field, listField, numberField, textField } from './field.ts'

export interface GraphEnd {
  readonly kind: string
  readonly value: string
}

export interface GraphEdge {
  readonly a: GraphEnd
  readonly b: GraphEnd
  readonly count: number
  readonly firstSeen: string
  readonly causeMetric: string
  readonly causeMessageId: string
  /** Of a rejected edge: what it would have broken, in words. */
  readonly witness: string
}

export interface IdentityGraph {
  readonly identifiers: readonly GraphEnd[]
  readonly edges: readonly GraphEdge[]
  readonly rejected: readonly GraphEdge[]
}

export function readIdentityGraph(body: unknown): IdentityGraph {
  return {
    identifiers: listField(body, 'identifiers').map(readEnd),
    edges: listField(body, 'edges').map(readEdge), rejected: listField(body, 'rejected').map(readEdge),
  }
}

function readEnd(value: unknown): GraphEnd {
  return { kind: textField(value, 'kind'), value: textField(value, 'value') }
}

function readEdge(value: unknown): GraphEdge {
  const cause = field(value, 'cause')
  return {
    a: readEnd(field(value, 'a')), b: readEnd(field(value, 'b')), count: numberField(value, 'count'), firstSeen: textField(value, 'firstSeen'),
    causeMetric: textField(cause, 'metric'), causeMessageId: textField(cause, 'messageId'), witness: witnessText(field(value, 'witness')),
  }
}

function witnessText(witness: unknown): string {
  if (witness === undefined) return ''
  const between = listField(witness, 'between').map(readEnd).map(({ kind, value }) => `${kind} ${value}`).join(' and ')
  const rule = textField(witness, 'rule')
  if (rule === 'veto') return `an operator parted ${between}`
  return rule === 'limit' ? `one person has at most so many of the kind ${textField(witness, 'kind')}: ${between} would meet` : rule
}

export interface GraphNode extends GraphEnd {
  readonly x: number
  readonly y: number
  /** Only a rejected edge leads there: somebody else's. */
  readonly outside: boolean
}

export interface GraphLayout {
  readonly width: number
  /** Of the nodes; lines that pass over them reach {@link headRoom} higher. */
  readonly height: number
  readonly nodes: readonly GraphNode[]
  readonly lines: readonly { readonly from: GraphNode; readonly to: GraphNode; readonly rejected: boolean }[]
}

export const nodeSize = Object.freeze({ width: 210, height: 44 })
const gap = Object.freeze({ across: 90, down: 18 })
/** More than this cannot be told apart in a drawing; the table has them all. */
const nodesMax = 40
const kindOrder = Object.freeze(['external_id', 'externalId', 'email', 'phone', 'device_id', 'anonymous_id', 'anonymousId'])

/** One column a kind, the strongest kind first; null where there are too many identifiers to draw, or nothing to join. */
export function layOutGraph({ identifiers, edges, rejected }: IdentityGraph): GraphLayout | null {
  const own = new Map(identifiers.map((end) => [keyOf(end), end]))
  const all = new Map([...own, ...rejected.flatMap(({ a, b }) => [a, b]).map((end) => [keyOf(end), end] as const)])
  if (all.size > nodesMax || all.size < 2) return null
  const columns = [...Map.groupBy(all.values(), ({ kind }) => kind)].sort(([one], [other]) => rank(one) - rank(other))
  const rows = Math.max(...columns.map(([, ends]) => ends.length))
  const height = rows * (nodeSize.height + gap.down) - gap.down
  const nodes = columns.flatMap(([, ends], column) => ends.map((end, row) => ({
    ...end, outside: !own.has(keyOf(end)),
    x: column * (nodeSize.width + gap.across),
    y: (height - (ends.length * (nodeSize.height + gap.down) - gap.down)) / 2 + row * (nodeSize.height + gap.down),
  })))
  const byKey = new Map(nodes.map((node) => [keyOf(node), node]))
  const lines = [...edges.map((edge) => ({ edge, isRejected: false })), ...rejected.map((edge) => ({ edge, isRejected: true }))].flatMap(({ edge, isRejected }) => {
    const from = byKey.get(keyOf(edge.a))
    const to = byKey.get(keyOf(edge.b))
    return from === undefined || to === undefined ? [] : [{ from, to, rejected: isRejected }]
  })
  return { width: columns.length * (nodeSize.width + gap.across) - gap.across, height, nodes, lines }
}

function keyOf({ kind, value }: GraphEnd): string {
  return `${kind} ${value}`
}

function rank(kind: string): number {
  const place = kindOrder.indexOf(kind)
  return place === -1 ? kindOrder.length : place
}

/** How far a line rises that passes columns in between, and the room it needs above the nodes. */
const rise = 80
export const headRoom = 44

/** From the side of one node to the facing side of the other: beside two of one column, over the columns in between. */
export function linePath(from: GraphNode, to: GraphNode): string {
  const [left, right] = from.x <= to.x ? [from, to] : [to, from]
  const y1 = left.y + nodeSize.height / 2
  const y2 = right.y + nodeSize.height / 2
  const x1 = left.x + nodeSize.width
  if (left.x === right.x) return `M${x1} ${y1} C${x1 + gap.across * 0.6} ${y1} ${x1 + gap.across * 0.6} ${y2} ${x1} ${y2}`
  if (right.x - x1 > gap.across) {
    const top = Math.min(y1, y2) - rise
    return `M${x1} ${y1} C${x1 + gap.across} ${top} ${right.x - gap.across} ${top} ${right.x} ${y2}`
  }
  const middle = (x1 + right.x) / 2
  return `M${x1} ${y1} C${middle} ${y1} ${middle} ${y2} ${right.x} ${y2}`
}
