import type { JSX } from 'preact'
import { useRef, useState } from 'preact/hooks'
import type { Api } from './api.ts'
import { formatClock } from './format.ts'
import type { LiveFeed, SeenEvent } from './live-feed.ts'
import { kindName, readProfile } from './profile.ts'
import { ProfilePage } from './profile-page.tsx'
import { routeHref } from './route.ts'
import { plainMessage, ProfileLink } from './shown.tsx'
import { useLive } from './use-live.ts'

const recentMax = 12
const searchKinds = Object.freeze(['email', 'externalId', 'phone', 'anonymousId'] as const)

export interface ProfilesViewProps {
  readonly api: Api
  readonly feed: LiveFeed
  readonly id: string | null
}

export function ProfilesView({ api, feed, id }: ProfilesViewProps): JSX.Element {
  return (
    <>
      <ProfileSearch api={api} />
      {id === null ? <RecentProfiles feed={feed} /> : <ProfilePage key={id} api={api} feed={feed} id={id} />}
    </>
  )
}

function ProfileSearch({ api }: { readonly api: Api }): JSX.Element {
  const kind = useRef<HTMLSelectElement>(null)
  const value = useRef<HTMLInputElement>(null)
  const [problem, setProblem] = useState('')
  const find = async (): Promise<void> => {
    const wanted = value.current?.value.trim() ?? ''
    const by = kind.current?.value ?? 'email'
    if (wanted === '') return setProblem('Enter what to look for.')
    try {
      const path = by === 'id' ? `/v1/profiles/${encodeURIComponent(wanted)}` : '/v1/profiles'
      const { id } = readProfile(await api.get(path, by === 'id' ? {} : { [by]: wanted }))
      setProblem('')
      location.hash = routeHref('profiles', id)
    } catch (error) {
      setProblem(plainMessage(error, `There is no profile with this ${by === 'id' ? 'id' : kindName(by).toLowerCase()}.`))
    }
  }
  return (
    <form class="controls" role="search" method="post" onSubmit={(event) => {
      event.preventDefault()
      void find()
    }}>
      <label>Find by <select ref={kind}>
        {searchKinds.map((name) => <option key={name} value={name}>{kindName(name)}</option>)}
        <option value="id">Profile id</option>
      </select></label>
      <label class="grow">Value <input ref={value} type="search" autocomplete="off" spellcheck={false} /></label>
      <button type="submit" class="main">Find</button>
      <p class="problem" role="alert">{problem}</p>
    </form>
  )
}

function RecentProfiles({ feed }: { readonly feed: LiveFeed }): JSX.Element {
  const { events } = useLive(feed)
  const recent = recentProfiles(events)
  return (
    <section class="card" aria-labelledby="recent">
      <h2 id="recent">Seen since this page was opened</h2>
      {recent.length === 0
        ? <p class="muted">Nobody yet. Search above, or wait for the next event.</p>
        : <ul class="plain rows">{recent.map(({ id, event }) => (
          <li key={id}><ProfileLink id={id} /> <span>{event.userId === '' ? event.anonymousId : event.userId}</span> <span class="muted">{event.metric} at {formatClock(event.receivedAt)}</span></li>
        ))}</ul>}
    </section>
  )
}

/** The latest event of each profile, the latest profile first. */
export function recentProfiles(events: readonly SeenEvent[]): readonly { readonly id: string; readonly event: SeenEvent }[] {
  const found = new Map<string, SeenEvent>()
  for (const event of events) if (event.profileId !== null && !found.has(event.profileId)) found.set(event.profileId, event)
  return [...found].slice(0, recentMax).map(([id, event]) => ({ id, event }))
}
