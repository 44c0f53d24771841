import { channelKinds, type ConsentAddress, type ConsentChannel, consentChannels, type ConsentRow } from '../ports/consent.ts'
import type { IdentifierRow } from '../ports/identity.ts'
import type { ProfileReader } from '../ports/profile-reader.ts'

/** Statements held in memory at a time. */
const pageStatements = 200

export interface ConsentStatement {
  readonly status: string
  /** When it was said, ISO 8601. */
  readonly at: string
  readonly method?: string
  /** Left out of what a public write key said. */
  readonly trusted?: true
  readonly messageId: string
}

/** Channel to address to the statement that counts; an address that nothing was said of is left out. */
export type ConsentCard = Readonly<Partial<Record<ConsentChannel, Readonly<Record<string, ConsentStatement>>>>>

/** What counts for the addresses among the identifiers. */
export async function consentCard(workspace: number, identifiers: readonly IdentifierRow[], reader: Pick<ProfileReader, 'consentsOf'>): Promise<ConsentCard> {
  const values = new Map(identifiers.map(({ key, value }) => [key, value]))
  const rows = await reader.consentsOf(workspace, addressesOf(identifiers))
  const card: Partial<Record<ConsentChannel, Record<string, ConsentStatement>>> = {}
  for (const row of rows) (card[row.channel] ??= {})[values.get(row.identifierKey) ?? ''] = statement(row)
  return card
}

/** Channel to address to all statements, the latest first, as JSON in pieces. */
export async function* consentHistory(workspace: number, identifiers: readonly IdentifierRow[], reader: ProfileReader): AsyncGenerator<string> {
  const values = new Map(identifiers.map(({ key, value }) => [key, value]))
  const current = await reader.consentsOf(workspace, addressesOf(identifiers))
  let piece = '{'
  for (const channel of consentChannels.filter((known) => current.some((row) => row.channel === known))) {
    piece += `${JSON.stringify(channel)}:{`
    for (const row of current.filter((one) => one.channel === channel)) {
      piece += `${JSON.stringify(values.get(row.identifierKey) ?? '')}:[`
      for await (const page of historyPages(row, reader)) {
        yield piece + page.map((one) => JSON.stringify({ ...statement(one), receivedAt: new Date(one.receivedAt).toISOString() })).join(',')
        piece = ','
      }
      piece = `${piece === ',' ? '' : piece}],`
    }
    piece = `${piece.slice(0, -1)}},`
  }
  yield `${piece.replace(/,$/, '')}}`
}

async function* historyPages({ workspace, identifierKey, channel }: ConsentRow, reader: ProfileReader): AsyncGenerator<readonly ConsentRow[]> {
  let below: ConsentRow | undefined
  for (;;) {
    const page: readonly ConsentRow[] = await reader.consentHistory({
      workspace, identifierKey, channel, limit: pageStatements, ...(below === undefined ? {} : { below }),
    })
    below = page.at(-1)
    if (below === undefined) return
    yield page
  }
}

function addressesOf(identifiers: readonly IdentifierRow[]): readonly ConsentAddress[] {
  return identifiers.flatMap(({ key, kind }) =>
    consentChannels.filter((channel) => channelKinds[channel] === kind).map((channel) => ({ identifierKey: key, channel })))
}

function statement({ status, time, method, messageId, trusted }: ConsentRow): ConsentStatement {
  return { status, at: new Date(time).toISOString(), ...(method === null ? {} : { method }), ...(trusted ? { trusted } : {}), messageId }
}
