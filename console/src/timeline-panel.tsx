import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { Api } from './api.ts'
import { formatInstant } from './format.ts'
import { readTimelinePage, type TimelinePage } from './profile.ts'
import { Answered, JsonDetails, plainMessage } from './shown.tsx'
import { useAnswer } from './use-answer.ts'

const pageEvents = 20

export interface TimelinePanelProps {
  readonly api: Api
  readonly id: string
  /** The newest events are read again when it changes. */
  readonly version: number
}

export function TimelinePanel({ api, id, version }: TimelinePanelProps): JSX.Element {
  const read = async (cursor: string | undefined, signal?: AbortSignal): Promise<TimelinePage> =>
    readTimelinePage(await api.get(`/v1/profiles/${encodeURIComponent(id)}/events`, { limit: pageEvents, cursor }, signal))
  const { answer } = useAnswer({ key: id, revision: version, load: (signal) => read(undefined, signal) })
  return (
    <section class="card" aria-labelledby="timeline">
      <h3 id="timeline">Timeline</h3>
      <Answered answer={answer}>{(newest) => <Timeline newest={newest} older={read} />}</Answered>
    </section>
  )
}

function Timeline({ newest, older }: { readonly newest: TimelinePage; readonly older: (cursor: string) => Promise<TimelinePage> }): JSX.Element {
  /** Pages behind the newest one, and the newest one they follow: where that changed they are asked for again. */
  const [further, setFurther] = useState<{ readonly after: string | null; readonly page: TimelinePage } | null>(null)
  const [problem, setProblem] = useState('')
  const fits = further !== null && further.after === newest.next
  const events = fits ? [...newest.events, ...further.page.events] : newest.events
  const next = fits ? further.page.next : newest.next
  const more = async (): Promise<void> => {
    if (next === null) return
    try {
      const page = await older(next)
      setFurther({ after: newest.next, page: { events: [...(fits ? further.page.events : []), ...page.events], next: page.next } })
      setProblem('')
    } catch (error) {
      setProblem(plainMessage(error))
    }
  }
  return (
    <>
      <ol class="plain timeline">
        {events.map(({ messageId, metric, time, properties }) => (
          <li key={messageId}><time dateTime={time} class="muted" title={time}>{formatInstant(time)}</time> <strong>{metric}</strong> {Object.keys(Object(properties)).length > 0 && <JsonDetails value={properties} />}</li>
        ))}
      </ol>
      {next === null ? <p class="muted">This is where it began.</p> : <button type="button" onClick={() => void more()}>Older events</button>}
      <p class="problem" role="alert">{problem}</p>
    </>
  )
}
