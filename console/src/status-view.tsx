import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import type { Api } from './api.ts'
import { type CollectorStatus, readCollectorStatus, verdict } from './collector-status.ts'
import { formatBytes, formatCount } from './format.ts'
import { Answered } from './shown.tsx'
import { useAnswer } from './use-answer.ts'

const refreshMs = 2_000

export function StatusView({ api }: { readonly api: Api }): JSX.Element {
  const { answer, reload } = useAnswer({ key: 'status', load: async (signal) => readCollectorStatus(await api.get('/v1/status', {}, signal)) })
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') reload()
    }, refreshMs)
    return () => clearInterval(timer)
  }, [reload])
  return (
    <>
      <p class="lead">What was accepted, and where it is. All workspaces together; read again every two seconds.</p>
      <Answered answer={answer}>{(status) => <StatusDetails status={status} />}</Answered>
    </>
  )
}

export function StatusDetails({ status }: { readonly status: CollectorStatus }): JSX.Element {
  const { text, tone } = verdict(status)
  const tiers: readonly (readonly [string, number, string])[] = [
    ['Accepted', status.accepted, 'answered with ok, so durable in the log'],
    ['Stored', status.stored, 'decided: in a profile and its timeline'],
    ['Archived', status.archived, 'in an object of the archive'],
    ['Loaded', status.loaded, 'in ClickHouse, counted there'],
  ]
  return (
    <>
      <p class={`verdict ${tone}`} role="status">{text}</p>
      <dl class="tiles">{tiers.map(([name, count, about]) => (
        <div key={name} class="card tile"><dt>{name}</dt><dd>{formatCount(count)}</dd><dd class="muted">{about}</dd></div>
      ))}</dl>
      <div class="columns">
        <section class="card" aria-labelledby="dropped">
          <h2 id="dropped">Dropped, by reason</h2>
          <table><thead><tr><th scope="col">Reason</th><th scope="col" class="amount">Events</th></tr></thead>
            <tbody>{status.dropped.map(([reason, count]) => <tr key={reason}><th scope="row">{reason}</th><td class="amount">{formatCount(count)}</td></tr>)}</tbody></table>
          <p class="muted">accepted = stored + dropped</p>
        </section>
        <section class="card" aria-labelledby="lag">
          <h2 id="lag">Lag of each partition</h2>
          <table><thead><tr><th scope="col">Partition</th><th scope="col" class="amount">To decide</th><th scope="col" class="amount">To archive</th><th scope="col" class="amount">To load</th></tr></thead>
            <tbody>{status.partitions.map(({ partition, decide, archive, load }) => (
              <tr key={partition}><th scope="row">{partition}</th><td class="amount">{formatCount(decide)}</td><td class="amount">{formatCount(archive)}</td><td class="amount">{formatCount(load)}</td></tr>
            ))}</tbody></table>
          <p class="muted">Spool: {formatBytes(status.spoolBytes)} wait for the broker.</p>
        </section>
      </div>
    </>
  )
}
