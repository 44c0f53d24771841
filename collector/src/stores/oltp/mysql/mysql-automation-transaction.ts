import { uuidBytes } from '../../../platform/uuid.ts'
import type { AutomationRow, AutomationTransaction, CartRow, DeliveryRow, EndpointRef } from '../../../ports/automation-store.ts'
import { automationRow, cartRow } from '../automation-rows.ts'
import { MysqlProfileReader } from './mysql-profile-reader.ts'
import type { Session } from './session.ts'

/** Reads and writes inside an open transaction; what is read of carts is locked, in key order. */
export class MysqlAutomationTransaction extends MysqlProfileReader implements AutomationTransaction {
  readonly #session: Session

  constructor(session: Session) {
    super(session)
    this.#session = session
  }

  async automations(): Promise<readonly AutomationRow[]> {
    return (await this.#session.all('SELECT * FROM automation ORDER BY workspace, automation')).map(automationRow)
  }

  async carts({ workspace, automation }: EndpointRef, identifierKeys: readonly string[]): Promise<readonly CartRow[]> {
    const keys = [...new Set(identifierKeys)].toSorted().map(uuidBytes)
    return (await this.#session.allOf(keys,
      'SELECT * FROM cart WHERE workspace = ? AND automation = ? AND identifier_key IN (?) ORDER BY identifier_key FOR UPDATE', workspace, automation)).map(cartRow)
  }

  async putCarts(rows: readonly CartRow[]): Promise<void> {
    const sorted = rows.toSorted((a, b) => a.workspace - b.workspace || (a.identifierKey < b.identifierKey ? -1 : 1))
    await this.#session.insert(`INSERT INTO cart (workspace, automation, identifier_key, first_at, first_message_id, last_at, last_message_id,
        closed_through, due_at, lease_owner, lease_until) VALUES ?
      ON DUPLICATE KEY UPDATE first_at = VALUES(first_at), first_message_id = VALUES(first_message_id), last_at = VALUES(last_at),
        last_message_id = VALUES(last_message_id), closed_through = VALUES(closed_through), due_at = VALUES(due_at), lease_owner = NULL, lease_until = NULL`,
    sorted.map((row) => [row.workspace, row.automation, uuidBytes(row.identifierKey), row.firstAt, row.firstMessageId, row.lastAt, row.lastMessageId,
      row.closedThrough, row.dueAt, null, null]))
  }

  async addDelivery(row: DeliveryRow): Promise<boolean> {
    return await this.#session.run(`INSERT INTO webhook_delivery (workspace, webhook_id, automation, profile_id, body, due_at, created_at, state, reason,
        attempts, round, round_started_at, next_at, sent_at, lease_owner, lease_until) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL)
      ON DUPLICATE KEY UPDATE webhook_id = webhook_id`,
    row.workspace, row.webhookId, row.automation, uuidBytes(row.profileId), row.body, row.dueAt, row.createdAt, row.state, row.reason,
    row.attempts, row.round, row.roundStartedAt, row.nextAt, row.sentAt) === 1
  }
}
