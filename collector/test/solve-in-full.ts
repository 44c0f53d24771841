import type { Evidence } from '../src/identity/gather-evidence.ts'
import { identifierKey } from '../src/identity/identifier-key.ts'
import { orderKey } from '../src/identity/edge-order.ts'
import { type IdentitySettings, isOwnBlocked } from '../src/identity/identity-settings.ts'
import { profileIdOf } from '../src/identity/profile-id.ts'
import type { SolveNode } from '../src/identity/solve.ts'
import { identifierKinds, type EdgeRow, type VetoRow } from '../src/ports/identity.ts'
import { bruteForceSolve } from './brute-force-solve.ts'

interface Node extends SolveNode {
  readonly value: string
  readonly neighbours: Set<string>
  firstReceivedAt: number
}

export interface FullOutcome {
  /** Profile ids by identifier key. */
  readonly profiles: ReadonlyMap<string, string>
  readonly components: ReadonlyMap<string, string>
  readonly edges: ReadonlyMap<string, Omit<EdgeRow, 'workspace'>>
}

export interface FullInput {
  readonly evidence: readonly Evidence[]
  readonly vetoes: readonly VetoRow[]
  readonly identityKey: Uint8Array
}

/** Solves all evidence there ever was from nothing, with no thought for speed: what batch by batch has to equal. */
export function solveInFull({ evidence, vetoes, identityKey }: FullInput, settings: IdentitySettings): FullOutcome {
  const nodes = new Map<string, Node>()
  const edges = new Map<string, Omit<EdgeRow, 'workspace'>>()
  const inOrder = [...evidence].sort((x, y) => x.time - y.time || (x.messageId < y.messageId ? -1 : 1))
  for (const one of inOrder) addEvent(one, nodes, edges)
  const inert = inertEdges(nodes, edges, settings)
  const liveEdges = [...edges.values()].filter((edge) => !inert.has(edge.a + edge.b))
  const solution = bruteForceSolve({ identifiers: [...nodes.values()], liveEdges, vetoes }, settings)
  for (const id of inert) {
    const edge = edges.get(id)
    if (edge !== undefined) edges.set(id, { ...edge, state: 'inert' })
  }
  for (const { edge, state, witness } of solution.verdicts) edges.set(edge.a + edge.b, { ...edge, state, witness })
  const workspace = evidence[0]?.workspace ?? 0
  return {
    edges,
    components: new Map(solution.groups.flatMap(({ members, component }) =>
      members.map((key) => [key, component] as const))),
    profiles: new Map(solution.groups.flatMap(({ anchor, members }) =>
      members.map((key) => [key, profileIdOf(workspace, anchor, identityKey)] as const))),
  }
}

function addEvent(event: Evidence, nodes: Map<string, Node>, edges: Map<string, Omit<EdgeRow, 'workspace'>>): void {
  const met = event.identifiers.map(({ kind, namespace, value }): Node => {
    const key = identifierKey(event.workspace, { kind, namespace, value })
    const node = nodes.get(key) ?? { key, kind, namespace, value, firstReceivedAt: event.receivedAt, neighbours: new Set() }
    node.firstReceivedAt = Math.min(node.firstReceivedAt, event.receivedAt)
    nodes.set(key, node)
    return node
  })
  const [center] = met
  for (const other of new Set(met)) {
    if (center === undefined || other === center) continue
    const [a, b] = [center, other].sort((x, y) => rankOf(x) - rankOf(y) || (x.key < y.key ? -1 : 1))
    if (a === undefined || b === undefined) continue
    a.neighbours.add(b.key)
    b.neighbours.add(a.key)
    const known = edges.get(a.key + b.key)
    const secret = event.trust === 'secret' ? event.time : null
    const open = event.trust === 'secret' ? null : event.time
    edges.set(a.key + b.key, {
      a: a.key, b: b.key, rank: rankOf(b), state: 'accepted', witness: null,
      // Events come in order of time here, so what is there already is earlier.
      firstSeenSecret: known?.firstSeenSecret ?? secret, firstSeenPublic: known?.firstSeenPublic ?? open,
      lastSeen: event.time, count: (known?.count ?? 0) + 1,
      cause: known?.cause ?? { messageId: event.messageId, metric: event.metric },
    })
  }
}

function inertEdges(
  nodes: ReadonlyMap<string, Node>, edges: ReadonlyMap<string, Omit<EdgeRow, 'workspace'>>, settings: IdentitySettings,
): ReadonlySet<string> {
  const inert = new Set<string>()
  for (const node of nodes.values()) {
    if (isOwnBlocked(node, settings)) for (const key of node.neighbours) inert.add(edgeOf(node.key, key, edges))
    for (const [rank, kind] of identifierKinds.entries()) {
      const neighbours = [...node.neighbours].filter((key) => nodes.get(key)?.kind === kind)
      const isContact = node.kind === 'email' || node.kind === 'phone'
      const ofContact = Math.min(5 * settings.limits[kind], kind === 'cart' || kind === 'checkout' ? settings.degreeMax : settings.contactReachMax)
      if ((rank < rankOf(node) && neighbours.length > settings.fanOutMax) || (isContact && rank > rankOf(node) && neighbours.length > ofContact)) {
        for (const key of node.neighbours) inert.add(edgeOf(node.key, key, edges))
      }
      if (rank <= rankOf(node)) continue
      const inOrder = neighbours.map((key) => edges.get(node.key + key)).filter((edge) => edge !== undefined)
        .sort((x, y) => (orderKey(x) < orderKey(y) ? -1 : 1))
      for (const edge of inOrder.slice(Math.max(settings.degreeMax, settings.limits[kind]))) inert.add(edge.a + edge.b)
    }
  }
  return inert
}

function edgeOf(x: string, y: string, edges: ReadonlyMap<string, unknown>): string {
  return edges.has(x + y) ? x + y : y + x
}

function rankOf({ kind }: SolveNode): number {
  return identifierKinds.indexOf(kind)
}
