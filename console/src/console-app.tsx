import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { JSX } from 'preact'
import { Api } from './api.ts'
import { LiveFeed } from './live-feed.ts'
import { LiveView } from './live-view.tsx'
import { ProfilesView } from './profiles-view.tsx'
import { ReportsView } from './reports-view.tsx'
import { parseRoute, type Route, routeHref, viewNames, viewTitles } from './route.ts'
import { SegmentsView } from './segments-view.tsx'
import { forgetSessionKey, keepSessionKey, takeSessionKey, type KeyPlace } from './session-key.ts'
import { SignIn } from './sign-in.tsx'
import { StatusView } from './status-view.tsx'
import { useLive } from './use-live.ts'

export interface ConsoleAppProps {
  readonly initialKey: string | null
  readonly storage: KeyPlace['storage']
}

/** The whole page: without a key the question for it, with one the views. */
export function ConsoleApp({ initialKey, storage }: ConsoleAppProps): JSX.Element {
  const [key, setKey] = useState(initialKey)
  const [refused, setRefused] = useState(false)
  useEffect(() => {
    // A link that hands a key over may be opened where the page already is.
    const take = (): void => {
      if (location.hash.startsWith('#key=')) setKey(takeSessionKey({ storage, fragment: location.hash, replaceFragment: (fragment) => history.replaceState(null, '', fragment) }))
    }
    addEventListener('hashchange', take)
    return () => removeEventListener('hashchange', take)
  }, [storage])
  const leave = (wasRefused: boolean): void => {
    forgetSessionKey(storage)
    setRefused(wasRefused)
    setKey(null)
  }
  if (key === null) {
    return <SignIn refused={refused} signedIn={(given) => {
      keepSessionKey(storage, given)
      setRefused(false)
      setKey(given)
    }} />
  }
  return <Shell key={key} secretKey={key} refused={() => leave(true)} signOut={() => leave(false)} />
}

interface ShellProps {
  readonly secretKey: string
  readonly refused: () => void
  readonly signOut: () => void
}

function Shell({ secretKey, refused, signOut }: ShellProps): JSX.Element {
  const feed = useMemo(() => new LiveFeed(), [])
  const latestRefused = useRef(refused)
  latestRefused.current = refused
  const api = useMemo(() => new Api(secretKey, { fetch: (path, init) => fetch(path, init), unauthorized: () => latestRefused.current() }), [secretKey])
  useEffect(() => {
    const abort = new AbortController()
    feed.follow(api, abort.signal).catch((error: unknown) => reportError(error))
    return () => abort.abort()
  }, [api, feed])
  const { route, title } = useRoute()
  return (
    <>
      <a class="skip-link" href="#content" onClick={(event) => {
        event.preventDefault()
        title.current?.focus()
      }}>Skip to the content</a>
      <header class="bar">
        <a class="mark" href={routeHref('live')}><span aria-hidden="true" class="waves" />Millrace</a>
        <nav aria-label="Views">
          <ul>
            {viewNames.map((view) => <li key={view}><a href={routeHref(view)} aria-current={route.view === view ? 'page' : undefined}>{viewTitles[view]}</a></li>)}
          </ul>
        </nav>
        <FeedIndicator feed={feed} />
        <button type="button" class="quiet" onClick={signOut}>Sign out</button>
      </header>
      <main id="content">
        <h1 ref={title} tabIndex={-1}>{viewTitles[route.view]}</h1>
        <View route={route} api={api} feed={feed} />
      </main>
    </>
  )
}

function View({ route: { view, id }, api, feed }: { readonly route: Route; readonly api: Api; readonly feed: LiveFeed }): JSX.Element {
  switch (view) {
    case 'live': return <LiveView feed={feed} />
    case 'profiles': return <ProfilesView api={api} feed={feed} id={id} />
    case 'segments': return <SegmentsView api={api} id={id} />
    case 'reports': return <ReportsView api={api} />
    case 'status': return <StatusView api={api} />
  }
}

/** The view in the address. A change of view moves the focus to its heading, as a new page would. */
function useRoute(): { readonly route: Route; readonly title: { current: HTMLHeadingElement | null } } {
  const [route, setRoute] = useState(() => parseRoute(location.hash))
  const title = useRef<HTMLHeadingElement>(null)
  const opened = useRef(false)
  useEffect(() => {
    const changed = (): void => setRoute(parseRoute(location.hash))
    addEventListener('hashchange', changed)
    return () => removeEventListener('hashchange', changed)
  }, [])
  useEffect(() => {
    document.title = `${viewTitles[route.view]} · Millrace console`
    if (opened.current) {
      title.current?.focus({ preventScroll: true })
      scrollTo(0, 0)
    }
    opened.current = true
  }, [route.view, route.id])
  return { route, title }
}

const stateTexts = { connecting: 'Connecting', live: 'Live', lost: 'Reconnecting' } as const

function FeedIndicator({ feed }: { readonly feed: LiveFeed }): JSX.Element {
  const { state } = useLive(feed)
  return <p class={`indicator ${state}`} role="status"><span class="dot" aria-hidden="true" />{stateTexts[state]}</p>
}
