import { useEffect, useState } from 'preact/hooks'
import type { LiveFeed, LiveSnapshot } from './live-feed.ts'

/** The feed's state as it is now; the component is drawn again at each change. */
export function useLive(feed: LiveFeed): LiveSnapshot {
  const [snapshot, setSnapshot] = useState(feed.snapshot)
  useEffect(() => {
    setSnapshot(feed.snapshot)
    return feed.listen(() => setSnapshot(feed.snapshot))
  }, [feed])
  return snapshot
}
