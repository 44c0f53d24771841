import { describe, expect, it } from 'vitest'
import { layOutGraph, linePath, nodeSize, readIdentityGraph } from './identity-graph.ts'

const end = (kind: string, value: string) => ({ kind, value })
const edge = (a: object, b: object, part: object = {}) => ({ a, b, state: 'accepted', count: 1, firstSeen: '2026-01-01T00:00:00.000Z', cause: { messageId: 'm', metric: 'identify' }, ...part })
const person = {
  identifiers: [end('anonymous_id', 'a1'), end('email', 'ada@example.com'), end('external_id', 'ada'), end('anonymous_id', 'a2')],
  edges: [edge(end('external_id', 'ada'), end('email', 'ada@example.com')), edge(end('external_id', 'ada'), end('anonymous_id', 'a1'))],
  rejected: [edge(end('email', 'ada@example.com'), end('anonymous_id', 'kiosk'), {
    state: 'rejected', witness: { rule: 'veto', a: 'k1', b: 'k2', between: [end('email', 'ada@example.com'), end('anonymous_id', 'kiosk')] },
  })],
}

describe('the graph of identifiers', () => {
  it('is read with causes and witnesses in words', () => {
    const graph = readIdentityGraph(person)
    expect(graph.edges[0]).toMatchObject({ causeMetric: 'identify', causeMessageId: 'm', witness: '' })
    expect(graph.rejected[0]?.witness).toBe('an operator parted email ada@example.com and anonymous_id kiosk')
    expect(readIdentityGraph({ rejected: [{ witness: { rule: 'limit', kind: 'email' } }] }).rejected[0]?.witness).toContain('at most so many of the kind email')
  })

  it('has a column for each kind, strongest first, and knows who is outside', () => {
    const layout = layOutGraph(readIdentityGraph(person))
    expect(layout?.nodes.map(({ kind, value, outside }) => [kind, value, outside])).toEqual([
      ['external_id', 'ada', false], ['email', 'ada@example.com', false], ['anonymous_id', 'a1', false], ['anonymous_id', 'a2', false], ['anonymous_id', 'kiosk', true],
    ])
    expect(layout?.lines.map(({ rejected }) => rejected)).toEqual([false, false, true])
    const nodes = layout?.nodes ?? []
    for (const node of nodes) {
      const touching = nodes.filter((other) => Math.abs(other.x - node.x) < nodeSize.width && Math.abs(other.y - node.y) < nodeSize.height)
      expect(touching).toEqual([node])
      expect(node.y).toBeGreaterThanOrEqual(0)
      expect(node.y + nodeSize.height).toBeLessThanOrEqual(layout?.height ?? 0)
    }
  })

  it('is not drawn where there is one node, or too many', () => {
    expect(layOutGraph(readIdentityGraph({ identifiers: [end('email', 'a')] }))).toBeNull()
    expect(layOutGraph(readIdentityGraph({ identifiers: Array.from({ length: 41 }, (_, index) => end('email', String(index))) }))).toBeNull()
  })

  it('has lines of numbers alone, whichever end comes first', () => {
    const [one, other] = layOutGraph(readIdentityGraph(person))?.nodes ?? []
    if (one === undefined || other === undefined) throw new Error('no nodes')
    expect(linePath(one, other)).toBe(linePath(other, one))
    expect(linePath(one, other)).toMatch(/^M[\d. C-]+$/)
  })
})
