import { hasCode, MillraceError } from '../platform/errors.ts'
import type { ProfileRow } from '../ports/identity.ts'
import type { OltpReader } from '../ports/oltp.ts'
import type { TimelineRow } from '../ports/profile-reader.ts'
import { consentHistory } from './consent-view.ts'
import type { DecidedEvents } from './event-feed.ts'
import type { IdentityView } from './identity-view.ts'
import { isoTime, timelineEvent } from './profile-card.ts'
import { profileGraph } from './profile-graph.ts'
import { receipt } from './receipt.ts'

/** Identifiers of one person that an export goes through; more than the limits of identity let anybody have. */
const identifiersMax = 20_000
/** Events held in memory at a time. */
const pageEvents = 200

export interface ExportDependencies {
  readonly reader: OltpReader
  readonly identity: IdentityView
  readonly decided: Pick<DecidedEvents, 'find'>
  /** Epoch milliseconds. */
  readonly now: number
}

/**
 * Everything known about one person as one JSON document, in pieces: what is known of the person first, then every
 * event of the timeline, newest first, with the context that it was sent with and its receipt (both null once the message id is
 * older than the duplicate window), last `eventCount`. However long the timeline, a page of 200 events is in memory. A document that breaks off is no
 * JSON, so half of one cannot be taken for the whole.
 */
export async function* profileExport(
  { profile, mergedFrom }: { readonly profile: ProfileRow; readonly mergedFrom?: string }, { reader, identity, decided, now }: ExportDependencies,
): AsyncGenerator<string> {
  const { workspace, id } = profile
  const identifiers = await reader.identifiersOf(workspace, id, identifiersMax + 1)
  if (identifiers.length > identifiersMax) throw new MillraceError('unavailable', `this profile has more than ${identifiersMax} identifiers`)
  const keys = identifiers.map(({ key }) => key)
  const totals = await reader.metricTotals(workspace, keys)
  const { edges, rejected, vetoes, merges } = await profileGraph(profile, reader)
  const head = {
    exportedAt: isoTime(now),
    profile: { id, version: profile.version, createdAt: isoTime(profile.createdAt) },
    ...(mergedFrom === undefined ? {} : { mergedFrom }),
    identifiers: identifiers.map(({ kind, namespace, value, firstSeen, firstReceivedAt }) =>
      ({ kind, namespace, value, firstSeen: isoTime(firstSeen), firstReceivedAt: isoTime(firstReceivedAt) })),
    edges, rejected, vetoes, merges,
    properties: identity.statementsOf(await reader.registersOf(workspace, keys)),
    metrics: Object.fromEntries(totals.map(({ metric, count, firstAt, lastAt }) => [metric, { count, firstAt: isoTime(firstAt), lastAt: isoTime(lastAt) }])),
  }
  yield `${JSON.stringify(head).slice(0, -1)},"consent":`
  yield* consentHistory(workspace, identifiers, reader)
  yield ',"events":['
  let count = 0
  for await (const page of timelinePages({ workspace, keys }, reader)) {
    for (const row of page) {
      const event = { ...timelineEvent(row), context: await contextOf(row, reader, decided), receipt: await knownReceipt(row, reader) }
      yield (count === 0 ? '' : ',\n') + JSON.stringify(event)
      count += 1
      // The store may answer without waiting: others get their turn here.
      if (count % 20 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
  }
  yield `],"eventCount":${count}}`
}

async function* timelinePages({ workspace, keys }: { workspace: number; keys: readonly string[] }, reader: OltpReader): AsyncGenerator<readonly TimelineRow[]> {
  let cursor: { time: number; messageId: string } | undefined
  for (;;) {
    const page: readonly TimelineRow[] = await reader.timeline({
      workspace, identifierKeys: keys, limit: pageEvents, ...(cursor === undefined ? {} : { cursor }),
    })
    const last = page.at(-1)
    if (last === undefined) return
    yield page
    cursor = { time: last.time, messageId: last.messageId }
  }
}

/** Addresses and devices are known of a person too; the timeline does not keep them, the archive does. */
async function contextOf({ workspace, messageId }: TimelineRow, reader: OltpReader, decided: ExportDependencies['decided']): Promise<unknown> {
  const claim = await reader.claimOf(workspace, messageId)
  const batch = claim === null ? null : await reader.batch(claim.partition, claim.batch)
  return batch === null ? null : ((await decided.find(batch, messageId))?.event?.context ?? null)
}

async function knownReceipt({ workspace, messageId }: TimelineRow, reader: OltpReader): Promise<unknown> {
  try {
    const { messageId: _, profileId: __, ...known } = await receipt(workspace, messageId, reader)
    return known
  } catch (error) {
    if (hasCode(error, 'not_found')) return null
    throw error
  }
}
