import { uuidBytes } from '../../../platform/uuid.ts'
import type { AutomationRow, AutomationTransaction, CartRow, DeliveryRow, EndpointRef } from '../../../ports/automation-store.ts'
import type { IdentifierRow } from '../../../ports/identity.ts'
import { automationRow, cartRow } from '../automation-rows.ts'
import { identifierRow } from '../identity-rows.ts'
import type { Connection } from './connection.ts'
import { SqliteProfileReader } from './sqlite-profile-reader.ts'

/** Reads and writes inside the writer's open transaction, which is the only one: there is nothing to lock. */
export class SqliteAutomationTransaction extends SqliteProfileReader implements AutomationTransaction {
  readonly #connection: Connection

  constructor(connection: Connection) {
    super(connection)
    this.#connection = connection
  }

  async automations(): Promise<readonly AutomationRow[]> {
    return this.#connection.all('SELECT * FROM automation ORDER BY workspace, automation').map(automationRow)
  }

  async identifiers(workspace: number, keys: readonly string[]): Promise<readonly IdentifierRow[]> {
    const statement = this.#connection.statement('SELECT * FROM identifier WHERE workspace = ? AND identifier_key = ?')
    return keys.flatMap((key) => {
      const row = statement.get(workspace, uuidBytes(key))
      return row === undefined ? [] : [identifierRow(row)]
    })
  }

  async carts({ workspace, automation }: EndpointRef, identifierKeys: readonly string[]): Promise<readonly CartRow[]> {
    const statement = this.#connection.statement('SELECT * FROM cart WHERE workspace = ? AND automation = ? AND identifier_key = ?')
    return [...new Set(identifierKeys)].toSorted().flatMap((key) => {
      const row = statement.get(workspace, automation, uuidBytes(key))
      return row === undefined ? [] : [cartRow(row)]
    })
  }

  async putCarts(rows: readonly CartRow[]): Promise<void> {
    for (const row of rows.toSorted((a, b) => a.workspace - b.workspace || (a.identifierKey < b.identifierKey ? -1 : 1))) {
      this.#connection.run(`INSERT INTO cart (workspace, automation, identifier_key, first_at, first_message_id, last_at, last_message_id,
          closed_through, due_at, lease_owner, lease_until) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL)
        ON CONFLICT DO UPDATE SET first_at = excluded.first_at, first_message_id = excluded.first_message_id, last_at = excluded.last_at,
          last_message_id = excluded.last_message_id, closed_through = excluded.closed_through, due_at = excluded.due_at,
          lease_owner = NULL, lease_until = NULL`,
      row.workspace, row.automation, uuidBytes(row.identifierKey), row.firstAt, row.firstMessageId, row.lastAt, row.lastMessageId,
      row.closedThrough, row.dueAt)
    }
  }

  async addDelivery(row: DeliveryRow): Promise<boolean> {
    return this.#connection.run(`INSERT INTO webhook_delivery (workspace, webhook_id, automation, profile_id, body, due_at, created_at, state, reason,
        attempts, round, round_started_at, next_at, sent_at, lease_owner, lease_until) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL)
      ON CONFLICT DO NOTHING`,
    row.workspace, row.webhookId, row.automation, uuidBytes(row.profileId), row.body, row.dueAt, row.createdAt, row.state, row.reason,
    row.attempts, row.round, row.roundStartedAt, row.nextAt, row.sentAt) > 0
  }
}
