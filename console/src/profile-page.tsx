import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import type { Api } from './api.ts'
import { counted, formatInstant } from './format.ts'
import { IdentityPanel } from './identity-panel.tsx'
import type { LiveFeed } from './live-feed.ts'
import { readOrder } from './order.ts'
import { OrderList } from './order-list.tsx'
import { kindName, type Profile, readProfile } from './profile.ts'
import { Answered, Value } from './shown.tsx'
import { TimelinePanel } from './timeline-panel.tsx'
import { useAnswer } from './use-answer.ts'

/** Looked at again this soon after any event: a merge can change a profile whose id no event names. */
const otherEventsMs = 3_000
const orderMetrics = Object.freeze(['Order Completed', 'Placed Order'])

export interface ProfilePageProps {
  readonly api: Api
  readonly feed: LiveFeed
  readonly id: string
}

/** One person, kept up to date while the page is open. */
export function ProfilePage({ api, feed, id }: ProfilePageProps): JSX.Element {
  const { answer, reload } = useAnswer({
    key: id, load: async (signal) => readProfile(await api.get(`/v1/profiles/${encodeURIComponent(id)}`, {}, signal)),
  })
  const current = answer.state === 'ready' ? answer.value.id : id
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const stop = feed.listen((events) => {
      if (events.some(({ profileId }) => profileId === current || profileId === id)) return reload()
      if (events.length > 0) timer ??= setTimeout(() => {
        timer = undefined
        reload()
      }, otherEventsMs)
    })
    return () => {
      stop()
      clearTimeout(timer)
    }
  }, [feed, id, current, reload])
  return <Answered answer={answer} missing="There is no profile with this id.">{(profile) => <ProfileDetails api={api} profile={profile} />}</Answered>
}

function ProfileDetails({ api, profile }: { readonly api: Api; readonly profile: Profile }): JSX.Element {
  const orders = profile.metrics.filter(({ metric }) => orderMetrics.includes(metric))
  const orderCount = orders.reduce((sum, { count }) => sum + count, 0)
  return (
    <article aria-labelledby="profile-name" class="profile" data-version={profile.version}>
      <header class="card person">
        <div>
          <h2 id="profile-name">{profile.name}</h2>
          <p class="muted mono">{profile.id}</p>
          {profile.mergedFrom !== '' && <p class="muted">The profile {profile.mergedFrom} was merged into this one.</p>}
        </div>
        <dl class="facts">
          <div><dt>Known since</dt><dd>{formatInstant(profile.createdAt)}</dd></div>
          <div><dt>Events</dt><dd>{profile.metrics.reduce((sum, { count }) => sum + count, 0)}</dd></div>
          <div><dt>Orders</dt><dd>{orderCount}</dd></div>
          <div><dt>Version</dt><dd>{profile.version}</dd></div>
        </dl>
      </header>
      <div class="columns">
        <section class="card" aria-labelledby="identifiers">
          <h3 id="identifiers">Identifiers</h3>
          <dl class="pairs">{profile.identifiers.map(({ kind, values }) => (
            <div key={kind}><dt>{kindName(kind)}</dt>{values.map((value) => <dd key={value} class="mono">{value}</dd>)}</div>
          ))}</dl>
        </section>
        <section class="card" aria-labelledby="properties">
          <h3 id="properties">Properties</h3>
          {profile.properties.length === 0 ? <p class="muted">None yet.</p> : (
            <dl class="pairs">{profile.properties.map(([name, value]) => <div key={name}><dt>{name}</dt><dd><Value value={value} /></dd></div>)}</dl>
          )}
        </section>
        <section class="card" aria-labelledby="activity">
          <h3 id="activity">Activity</h3>
          <table><thead><tr><th scope="col">Metric</th><th scope="col" class="amount">Times</th><th scope="col">Last</th></tr></thead>
            <tbody>{profile.metrics.map(({ metric, count, lastAt }) => <tr key={metric}><th scope="row">{metric}</th><td class="amount">{count}</td><td>{formatInstant(lastAt)}</td></tr>)}</tbody></table>
        </section>
      </div>
      <section class="card" aria-labelledby="orders">
        <h3 id="orders">Last orders <span class="muted">{counted(orderCount, 'order')} in all</span></h3>
        <OrderList orders={orders.flatMap(({ last }) => last).map(readOrder).sort((one, other) => other.time.localeCompare(one.time)).slice(0, 10)} />
      </section>
      <IdentityPanel api={api} id={profile.id} version={profile.version} />
      <TimelinePanel api={api} id={profile.id} version={profile.version} />
    </article>
  )
}
