import { MillraceError } from '../../platform/errors.ts'
import { uuidBytes, uuidText } from '../../platform/uuid.ts'
import { type ConsentAddress, type ConsentChannel, consentChannels, type ConsentRow, consentStatuses, strictnessOf } from '../../ports/consent.ts'
import { bytesOf, numberOf, type Row, textOf, textOrNull } from './row.ts'

/** In the order of {@link consentValues}. */
export const consentColumns = 'workspace, identifier_key, channel, time, strictness, message_id, method, received_at, trusted'

export function consentValues(row: ConsentRow): readonly (string | number | Buffer | null)[] {
  const { workspace, identifierKey, channel, time, status, messageId, method, receivedAt, trusted } = row
  return [workspace, uuidBytes(identifierKey), channel, time, strictnessOf(status), messageId, method, receivedAt, trusted ? 1 : 0]
}

/** The one statement that counts of an address; takes the values of {@link currentConsentValues}. */
export const currentConsentQuery = `SELECT * FROM consent WHERE workspace = ? AND identifier_key = ? AND channel = ?
  AND (trusted = 1 OR strictness >= COALESCE((SELECT strictness FROM consent WHERE workspace = ? AND identifier_key = ? AND channel = ? AND trusted = 1
    ORDER BY time DESC, strictness DESC, message_id DESC LIMIT 1), 0))
  ORDER BY time DESC, strictness DESC, message_id DESC LIMIT 1`

export function currentConsentValues(workspace: number, { identifierKey, channel }: ConsentAddress): readonly (string | number | Buffer)[] {
  const address = [workspace, uuidBytes(identifierKey), channel]
  return [...address, ...address]
}

/** Two statements alike in all of this are one, trusted if either is. */
export function consentsByKey(rows: readonly ConsentRow[]): readonly ConsentRow[] {
  const byKey = new Map<string, ConsentRow>()
  for (const row of rows) {
    const key = [row.workspace, row.identifierKey, row.channel, row.time, row.status, row.messageId].join('/')
    if (byKey.get(key)?.trusted !== true) byKey.set(key, row)
  }
  return [...byKey].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row)
}

export function consentRow(row: Row): ConsentRow {
  const status = consentStatuses[numberOf(row, 'strictness')]
  if (status === undefined) throw new MillraceError('corrupt', 'a consent row has an unknown status')
  return {
    workspace: numberOf(row, 'workspace'), identifierKey: uuidText(bytesOf(row, 'identifier_key')), channel: channelOf(textOf(row, 'channel')),
    status, time: numberOf(row, 'time'), messageId: textOf(row, 'message_id'), method: textOrNull(row, 'method'), receivedAt: numberOf(row, 'received_at'),
    trusted: numberOf(row, 'trusted') === 1,
  }
}

function channelOf(text: string): ConsentChannel {
  const channel = consentChannels.find((known) => known === text)
  if (channel === undefined) throw new MillraceError('corrupt', `unknown channel ${JSON.stringify(text)}`)
  return channel
}
