import type {
  AttemptRow, AutomationCounts, AutomationReader, AutomationRow, DeliveryQuery, DeliveryRow, EndpointRef, EndpointRow,
} from '../../../ports/automation-store.ts'
import { deliveryStates } from '../../../ports/delivery-state.ts'
import { attemptRow, automationRow, deliveryRow, endpointRow } from '../automation-rows.ts'
import { numberOf } from '../row.ts'
import type { Connection } from './connection.ts'

/** What the read side asks about automations. */
export class SqliteAutomationReader implements AutomationReader {
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  async automation({ workspace, automation }: EndpointRef): Promise<AutomationRow | null> {
    const row = this.#connection.get('SELECT * FROM automation WHERE workspace = ? AND automation = ?', workspace, automation)
    return row === undefined ? null : automationRow(row)
  }

  async endpoint(ref: EndpointRef): Promise<EndpointRow | null> {
    return readEndpoint(this.#connection, ref)
  }

  async deliveries({ workspace, automation, state, webhookId, cursor, limit }: DeliveryQuery): Promise<readonly DeliveryRow[]> {
    const conditions = ['workspace = ?', 'automation = ?']
    const values: (string | number)[] = [workspace, automation]
    if (state !== undefined) {
      conditions.push('state = ?')
      values.push(state)
    }
    if (webhookId !== undefined) {
      conditions.push('webhook_id = ?')
      values.push(webhookId)
    }
    if (cursor !== undefined) {
      conditions.push('(created_at, webhook_id) < (?, ?)')
      values.push(cursor.createdAt, cursor.webhookId)
    }
    return this.#connection.all(`SELECT * FROM webhook_delivery WHERE ${conditions.join(' AND ')}
      ORDER BY created_at DESC, webhook_id DESC LIMIT ?`, ...values, limit).map(deliveryRow)
  }

  async attempts(workspace: number, webhookIds: readonly string[], limit: number): Promise<readonly AttemptRow[]> {
    return webhookIds.flatMap((webhookId) => this.#connection.all(`SELECT * FROM webhook_attempt WHERE workspace = ? AND webhook_id = ?
      ORDER BY at, attempt LIMIT ?`, workspace, webhookId, limit).map(attemptRow))
  }

  async counts(ref: EndpointRef | null): Promise<AutomationCounts> {
    const [where, values] = ref === null ? ['1 = 1', []] : ['workspace = ? AND automation = ?', [ref.workspace, ref.automation]]
    const count = (table: string, condition: string): number =>
      numberOf(this.#connection.get(`SELECT count(*) AS rows FROM ${table} WHERE ${condition} AND ${where}`, ...values) ?? {}, 'rows')
    const deliveries = { waiting: 0, sent: 0, parked: 0 }
    for (const row of this.#connection.all(`SELECT state, count(*) AS rows FROM webhook_delivery WHERE ${where} GROUP BY state`, ...values)) {
      const state = deliveryStates.find((known) => known === row['state'])
      if (state !== undefined) deliveries[state] = numberOf(row, 'rows')
    }
    return {
      openCarts: count('cart', 'due_at IS NOT NULL'),
      deliveries,
      disabledEndpoints: count('webhook_endpoint', 'disabled_at IS NOT NULL'),
    }
  }
}

export function readEndpoint(connection: Connection, { workspace, automation }: EndpointRef): EndpointRow | null {
  const row = connection.get('SELECT * FROM webhook_endpoint WHERE workspace = ? AND automation = ?', workspace, automation)
  return row === undefined ? null : endpointRow(row)
}
