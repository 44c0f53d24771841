import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { counted, formatClock, shortened } from './format.ts'
import type { LiveFeed, SeenEvent } from './live-feed.ts'
import { JsonDetails, ProfileLink } from './shown.tsx'
import { useLive } from './use-live.ts'

/** A screen reader hears of new events at most this often. */
const announceMs = 5_000

export function LiveView({ feed }: { readonly feed: LiveFeed }): JSX.Element {
  const live = useLive(feed)
  const [held, setHeld] = useState<readonly SeenEvent[] | null>(null)
  const [only, setOnly] = useState('all')
  const [wanted, setWanted] = useState('')
  const shown = (held ?? live.events).filter((event) => (only === 'all' || event.result === only) && matches(event, wanted))
  return (
    <>
      <p class="lead">Every event as it is decided, newest first. {counted(live.seen, 'event')} since this page was opened.</p>
      <div class="controls" role="group" aria-label="What is shown">
        <button type="button" aria-pressed={held !== null} onClick={() => setHeld(held === null ? live.events : null)}>{held === null ? 'Pause' : 'Resume'}</button>
        <label>Result <select value={only} onChange={(event) => setOnly(event.currentTarget.value)}>
          <option value="all">All</option>
          <option value="stored">Stored</option>
          <option value="dropped">Dropped</option>
        </select></label>
        <label>Find <input type="search" value={wanted} placeholder="metric or identifier" onInput={(event) => setWanted(event.currentTarget.value)} /></label>
        <Announcer events={live.events} seen={live.seen} />
      </div>
      {live.skipped && <p class="notice" role="status">Events come faster than this page follows; some were left out here. None is lost: the feed has them all.</p>}
      <EventTable events={shown} empty={live.seen === 0 ? 'Waiting for the first event. Click in the shop, or send one with the write key.' : 'No event matches.'} />
    </>
  )
}

export function EventTable({ events, empty }: { readonly events: readonly SeenEvent[]; readonly empty: string }): JSX.Element {
  return (
    <div class="card scroll">
      <table class="events">
        <caption class="hidden">Events, newest first</caption>
        <thead><tr><th scope="col">Received</th><th scope="col">Result</th><th scope="col">Event</th><th scope="col">From</th><th scope="col">Profile</th><th scope="col">Properties</th></tr></thead>
        <tbody>
          {events.length === 0 && <tr><td colSpan={6} class="muted empty">{empty}</td></tr>}
          {events.map((event) => <EventRow key={event.number} event={event} />)}
        </tbody>
      </table>
    </div>
  )
}

function EventRow({ event }: { readonly event: SeenEvent }): JSX.Element {
  const from = event.userId === '' ? event.anonymousId : event.userId
  return (
    <tr class="fresh" data-message-id={event.messageId}>
      <td class="mono"><time dateTime={event.receivedAt} title={event.receivedAt}>{formatClock(event.receivedAt)}</time></td>
      <td><span class={`badge ${event.result}`}>{event.result}</span>{event.reason !== '' && <span class="reason"> {event.reason}</span>}</td>
      <td><strong>{event.metric === '' ? 'unreadable' : event.metric}</strong>{event.type !== event.metric && <span class="muted"> {event.type}</span>}</td>
      <td title={from}>{from === '' ? <span class="muted">nobody</span> : shortened(from, 24)}</td>
      <td>{event.profileId === null ? <span class="muted">none</span> : <ProfileLink id={event.profileId} />}</td>
      <td>{isEmpty(event.properties) ? <span class="muted">none</span> : <JsonDetails value={event.properties} />}</td>
    </tr>
  )
}

function isEmpty(value: unknown): boolean {
  return typeof value !== 'object' || value === null || Object.keys(value).length === 0
}

export function matches({ metric, reason, userId, anonymousId, profileId, messageId }: SeenEvent, wanted: string): boolean {
  const text = wanted.trim().toLowerCase()
  return text === '' || [metric, reason, userId, anonymousId, profileId ?? '', messageId].some((part) => part.toLowerCase().includes(text))
}

/** Says in words how many events came, without reading each row aloud. */
function Announcer({ events, seen }: { readonly events: readonly SeenEvent[]; readonly seen: number }): JSX.Element {
  const [text, setText] = useState('')
  const told = useRef(seen)
  const latest = useRef({ events, seen })
  latest.current = { events, seen }
  useEffect(() => {
    const timer = setInterval(() => {
      const { events: [newest], seen: now } = latest.current
      if (now === told.current || newest === undefined) return
      setText(`${counted(now - told.current, 'new event')}, the last: ${newest.metric}, ${newest.result}`)
      told.current = now
    }, announceMs)
    return () => clearInterval(timer)
  }, [])
  return <p class="hidden" role="status">{text}</p>
}
