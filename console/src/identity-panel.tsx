import type { JSX } from 'preact'
import type { Api } from './api.ts'
import { counted, formatInstant, shortened } from './format.ts'
import { type GraphEdge, type GraphEnd, type GraphLayout, headRoom, layOutGraph, linePath, nodeSize, readIdentityGraph } from './identity-graph.ts'
import { kindName } from './profile.ts'
import { Answered } from './shown.tsx'
import { useAnswer } from './use-answer.ts'

export interface IdentityPanelProps {
  readonly api: Api
  readonly id: string
  /** The graph is read again when it changes. */
  readonly version: number
}

/** Why these identifiers are one person: each edge with its cause, what was rejected with its witness. */
export function IdentityPanel({ api, id, version }: IdentityPanelProps): JSX.Element {
  const { answer } = useAnswer({
    key: id, revision: version, load: async (signal) => readIdentityGraph(await api.get(`/v1/profiles/${encodeURIComponent(id)}/graph`, {}, signal)),
  })
  return (
    <section class="card" aria-labelledby="joined">
      <h3 id="joined">Why these are one person</h3>
      <Answered answer={answer}>{(graph) => {
        const layout = layOutGraph(graph)
        return (
          <>
            {layout !== null && <GraphDrawing layout={layout} />}
            {graph.edges.length === 0
              ? <p class="muted">There is one identifier and nothing to join yet.</p>
              : <EdgeTable edges={graph.edges} caption={`${counted(graph.edges.length, 'edge')}, each from the event that named both identifiers`} />}
            {graph.rejected.length > 0 && <EdgeTable edges={graph.rejected} caption="Rejected, with what the join would have broken" rejected />}
          </>
        )
      }}</Answered>
    </section>
  )
}

function GraphDrawing({ layout: { width, height, nodes, lines } }: { readonly layout: GraphLayout }): JSX.Element {
  return (
    <div class="scroll">
      <svg class="graph" role="img" aria-label={`A drawing of ${counted(nodes.length, 'identifier')} and what joins them; the table below says the same`}
        viewBox={`-2 ${-headRoom} ${width + 4} ${height + headRoom + 2}`} width={width + 4} height={height + headRoom + 2}>
        {lines.map(({ from, to, rejected }, index) => <path key={index} class={rejected ? 'rejected' : 'joined'} d={linePath(from, to)} />)}
        {nodes.map(({ kind, value, x, y, outside }) => (
          <g key={`${kind} ${value}`} class={outside ? 'outside' : 'inside'} transform={`translate(${x} ${y})`}>
            <title>{`${kindName(kind)}: ${value}`}</title>
            <rect width={nodeSize.width} height={nodeSize.height} rx="8" />
            <text x="12" y="17" class="kind">{kindName(kind)}</text>
            <text x="12" y="34">{shortened(value, 26)}</text>
          </g>
        ))}
      </svg>
    </div>
  )
}

function EdgeTable({ edges, caption, rejected = false }: { readonly edges: readonly GraphEdge[]; readonly caption: string; readonly rejected?: boolean }): JSX.Element {
  return (
    <div class="scroll">
      <table>
        <caption>{caption}</caption>
        <thead><tr><th scope="col">Identifier</th><th scope="col">Identifier</th><th scope="col">Cause</th><th scope="col" class="amount">Seen</th><th scope="col">First</th>{rejected && <th scope="col">Why not</th>}</tr></thead>
        <tbody>{edges.map((edge, index) => (
          <tr key={index}>
            <td><End end={edge.a} /></td><td><End end={edge.b} /></td>
            <td>{edge.causeMetric === '' ? 'by hand' : edge.causeMetric}<br /><span class="muted mono" title={edge.causeMessageId}>{shortened(edge.causeMessageId, 24)}</span></td>
            <td class="amount">{edge.count}</td><td>{formatInstant(edge.firstSeen)}</td>{rejected && <td>{edge.witness}</td>}
          </tr>
        ))}</tbody>
      </table>
    </div>
  )
}

function End({ end: { kind, value } }: { readonly end: GraphEnd }): JSX.Element {
  return <><span class="muted">{kindName(kind)}</span><br /><span class="mono" title={value}>{shortened(value, 32)}</span></>
}
