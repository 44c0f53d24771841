import { Millrace } from '@millrace/node'
import type { TrackCall } from '@millrace/schemas'
import { MillraceError } from '../platform/errors.ts'
import type { ProgressBar } from './progress-bar.ts'
import type { StoryCall } from './visitor-story.ts'

export interface PlayOptions {
  readonly url: string
  readonly writeKey: string
  readonly purchases: AsyncIterable<TrackCall>
  readonly story: readonly StoryCall[]
  readonly progress: ProgressBar
  /** How much of the purchases is read, 0 to 1; null where it cannot be known. */
  readonly part: () => number | null
  /** Ends the play early. */
  readonly stop: AbortSignal
}

/** Sends everything through the Node SDK as a shop would, and answers how many events the collector took; fails if it was stopped. */
export async function play({ url, writeKey, purchases, story, progress, part, stop }: PlayOptions): Promise<number> {
  const client = new Millrace({ writeKey, host: url, gzip: false })
  try {
    for await (const call of purchases) {
      await client.ready()
      stop.throwIfAborted()
      check(client.track(call))
      const read = part()
      progress.show({ what: 'sent', done: client.stats().delivered, total: null, ...(read === null ? {} : { part: read }) })
    }
    for (const call of story) check('track' in call ? client.track(call.track) : client.identify(call.identify))
    await client.flush()
    const stats = client.stats()
    const taken = stats.delivered + stats.duplicate + stats.quarantined
    if (taken !== stats.accepted) throw new MillraceError('unavailable', `the collector took ${taken} of ${stats.accepted} events: ${JSON.stringify(stats.dropped)}`)
    return taken
  } finally {
    await client.close()
  }
}

function check(result: ReturnType<Millrace['track']>): void {
  if (!result.ok) throw new MillraceError('bad_request', `an event of the demo was refused: ${result.message}`)
}
