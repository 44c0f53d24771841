import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { Api } from './api.ts'
import { formatCount, formatInstant } from './format.ts'
import { routeHref } from './route.ts'
import { readMembers, readSegments, type Members, type Segment } from './segment.ts'
import { SegmentTrial } from './segment-trial.tsx'
import { Answered, JsonDetails, plainMessage, ProfileLink } from './shown.tsx'
import { useAnswer } from './use-answer.ts'

const missing = 'This collector has no segments yet.'
const pageMembers = 50

export function SegmentsView({ api, id }: { readonly api: Api; readonly id: string | null }): JSX.Element {
  return id === null ? <SegmentList api={api} /> : <SegmentMembers key={id} api={api} id={id} />
}

function SegmentList({ api }: { readonly api: Api }): JSX.Element {
  const { answer, reload } = useAnswer({ key: 'segments', load: async (signal) => readSegments(await api.get('/v1/segments', {}, signal)) })
  return (
    <>
      <p class="lead">Groups of profiles by what they did and what they are, counted in ClickHouse when they are asked for.</p>
      <Answered answer={answer} missing={missing}>{(segments) => (
        <>
          {segments.length === 0 ? <p class="card muted">None is defined yet. Try one below and save it.</p> : (
            <div class="card scroll"><table>
              <caption class="hidden">Segments</caption>
              <thead><tr><th scope="col">Segment</th><th scope="col" class="amount">Members now</th><th scope="col" class="amount">Version</th><th scope="col">Definition</th></tr></thead>
              <tbody>{segments.map((segment) => <SegmentRow key={segment.id} api={api} segment={segment} />)}</tbody>
            </table></div>
          )}
          <SegmentTrial api={api} saved={reload} />
        </>
      )}</Answered>
    </>
  )
}

function SegmentRow({ api, segment: { id, name, version, definition } }: { readonly api: Api; readonly segment: Segment }): JSX.Element {
  const { answer } = useAnswer({ key: id, revision: version, load: (signal) => membersPage(api, { id, limit: 1, cursor: undefined }, signal) })
  return (
    <tr>
      <th scope="row"><a href={routeHref('segments', id)}>{name}</a></th>
      <td class="amount">{answer.state === 'ready' ? formatCount(answer.value.count) : answer.state === 'failed' ? plainMessage(answer.error) : '…'}</td>
      <td class="amount">{version}</td><td><JsonDetails value={definition} label="show" /></td>
    </tr>
  )
}

interface MembersRequest {
  readonly id: string
  readonly limit: number
  readonly cursor: string | undefined
}

async function membersPage(api: Api, { id, limit, cursor }: MembersRequest, signal?: AbortSignal): Promise<Members> {
  return readMembers(await api.get(`/v1/segments/${encodeURIComponent(id)}/members`, { limit, cursor }, signal))
}

function SegmentMembers({ api, id }: { readonly api: Api; readonly id: string }): JSX.Element {
  const { answer, reload } = useAnswer({ key: id, load: (signal) => membersPage(api, { id, limit: pageMembers, cursor: undefined }, signal) })
  return (
    <>
      <p class="lead"><a href={routeHref('segments')}>All segments</a></p>
      <Answered answer={answer} missing="There is no segment with this id.">{(first) => (
        <section class="card" aria-labelledby="members">
          <h2 id="members">{first.name}</h2>
          <p><strong class="big">{formatCount(first.count)}</strong> members at {formatInstant(first.at)}{first.behind > 0 && `, ${formatCount(first.behind)} events still to be counted`}. <button type="button" class="link" onClick={reload}>Count again</button></p>
          <MemberList key={first.at} first={first} more={(cursor) => membersPage(api, { id, limit: pageMembers, cursor })} />
        </section>
      )}</Answered>
    </>
  )
}

function MemberList({ first, more }: { readonly first: Members; readonly more: (cursor: string) => Promise<Members> }): JSX.Element {
  const [shown, setShown] = useState(first)
  const [problem, setProblem] = useState('')
  const read = async (): Promise<void> => {
    if (shown.next === null) return
    try {
      const page = await more(shown.next)
      setShown({ ...page, members: [...shown.members, ...page.members] })
    } catch (error) {
      setProblem(plainMessage(error))
    }
  }
  return (
    <>
      <ul class="plain members">{shown.members.map((member) => <li key={member}><ProfileLink id={member} /></li>)}</ul>
      {shown.next !== null && <button type="button" onClick={() => void read()}>More members</button>}
      <p class="problem" role="alert">{problem}</p>
    </>
  )
}
