import { MillraceError } from '../platform/errors.ts'
import type { ProfileRow } from '../ports/identity.ts'
import type { ProfileReader } from '../ports/profile-reader.ts'
import { timelineEventText } from './profile-card.ts'

export interface TimelineRequest {
  readonly metric?: string
  /** Exclusive instants, epoch milliseconds. */
  readonly after?: number
  readonly before?: number
  readonly cursor?: string
  /** 1 to 1,000. */
  readonly limit: number
}

/**
 * A page as JSON: `events`, newest first, ties by message id, so that a page boundary inside one millisecond repeats and skips nothing, and `next`, to pass as
 * `cursor` for the older page, null at the end.
 */
export async function timelinePage(profile: ProfileRow, request: TimelineRequest, reader: ProfileReader): Promise<string> {
  const { cursor, ...bounds } = request
  const identifiers = await reader.identifiersOf(profile.workspace, profile.id, 2_000)
  const rows = await reader.timeline({
    ...bounds,
    ...(cursor === undefined ? {} : { cursor: parseCursor(cursor) }),
    workspace: profile.workspace,
    identifierKeys: identifiers.map((identifier) => identifier.key),
    limit: request.limit + 1,
  })
  const page = rows.slice(0, request.limit)
  const last = page.at(-1)
  const next = rows.length > page.length && last !== undefined
    ? Buffer.from(JSON.stringify([last.time, last.messageId])).toString('base64url')
    : null
  return `{"events":[${page.map(timelineEventText).join(',')}],"next":${JSON.stringify(next)}}`
}

function parseCursor(text: string): { time: number; messageId: string } {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))
    if (Array.isArray(parsed) && typeof parsed[0] === 'number' && typeof parsed[1] === 'string') {
      return { time: parsed[0], messageId: parsed[1] }
    }
  } catch {
    // Falls through to the one error below.
  }
  throw new MillraceError('bad_request', 'cursor: not one that this route gave')
}
