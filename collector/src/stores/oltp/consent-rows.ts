import { MillraceError } from '../../platform/errors.ts'
import { uuidBytes, uuidText } from '../../platform/uuid.ts'
import { type ConsentChannel, consentChannels, type ConsentRow, consentStatuses, strictnessOf } from '../../ports/consent.ts'
import { bytesOf, numberOf, type Row, textOf, textOrNull } from './row.ts'

/** In the order of {@link consentValues}. */
export const consentColumns = 'workspace, identifier_key, channel, time, strictness, message_id, method, received_at'

export function consentValues(row: ConsentRow): readonly (string | number | Buffer | null)[] {
  const { workspace, identifierKey, channel, time, status, messageId, method, receivedAt } = row
  return [workspace, uuidBytes(identifierKey), channel, time, strictnessOf(status), messageId, method, receivedAt]
}

/** Two statements alike in all of this are one. */
export function consentsByKey(rows: readonly ConsentRow[]): readonly ConsentRow[] {
  const byKey = new Map(rows.map((row) => [[row.workspace, row.identifierKey, row.channel, row.time, row.status, row.messageId].join('/'), row]))
  return [...byKey].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row)
}

export function consentRow(row: Row): ConsentRow {
  const status = consentStatuses[numberOf(row, 'strictness')]
  if (status === undefined) throw new MillraceError('corrupt', 'a consent row has an unknown status')
  return {
    workspace: numberOf(row, 'workspace'), identifierKey: uuidText(bytesOf(row, 'identifier_key')), channel: channelOf(textOf(row, 'channel')),
    status, time: numberOf(row, 'time'), messageId: textOf(row, 'message_id'), method: textOrNull(row, 'method'), receivedAt: numberOf(row, 'received_at'),
  }
}

function channelOf(text: string): ConsentChannel {
  const channel = consentChannels.find((known) => known === text)
  if (channel === undefined) throw new MillraceError('corrupt', `unknown channel ${JSON.stringify(text)}`)
  return channel
}
