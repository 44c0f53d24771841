import type {
  AttemptRow, AutomationCounts, AutomationReader, AutomationRow, DeliveryQuery, DeliveryRow, EndpointRef, EndpointRow,
} from '../../../ports/automation-store.ts'
import { attemptRow, automationRow, deliveryRow, endpointRow } from '../automation-rows.ts'
import { numberOf } from '../row.ts'
import type { Session, Value } from './session.ts'

/** What the read side asks about automations. */
export class MysqlAutomationReader implements AutomationReader {
  readonly #session: Session

  constructor(session: Session) {
    this.#session = session
  }

  async automation({ workspace, automation }: EndpointRef): Promise<AutomationRow | null> {
    const row = await this.#session.get('SELECT * FROM automation WHERE workspace = ? AND automation = ?', workspace, automation)
    return row === undefined ? null : automationRow(row)
  }

  endpoint(ref: EndpointRef): Promise<EndpointRow | null> {
    return readEndpoint(this.#session, ref)
  }

  async deliveries({ workspace, automation, state, webhookId, cursor, limit }: DeliveryQuery): Promise<readonly DeliveryRow[]> {
    const conditions: [string, ...Value[]][] = [['workspace = ?', workspace], ['automation = ?', automation]]
    if (state !== undefined) conditions.push(['state = ?', state])
    if (webhookId !== undefined) conditions.push(['webhook_id = ?', webhookId])
    // Written out: a row comparison would not be served by the key.
    if (cursor !== undefined) conditions.push(['(created_at < ? OR (created_at = ? AND webhook_id < ?))', cursor.createdAt, cursor.createdAt, cursor.webhookId])
    const rows = await this.#session.all(`SELECT * FROM webhook_delivery WHERE ${conditions.map(([text]) => text).join(' AND ')}
      ORDER BY created_at DESC, webhook_id DESC LIMIT ?`, ...conditions.flatMap(([, ...values]) => values), limit)
    return rows.map(deliveryRow)
  }

  async attempts(workspace: number, webhookIds: readonly string[], limit: number): Promise<readonly AttemptRow[]> {
    const attempts: AttemptRow[] = []
    for (const webhookId of webhookIds) {
      const rows = await this.#session.all('SELECT * FROM webhook_attempt WHERE workspace = ? AND webhook_id = ? ORDER BY at, attempt LIMIT ?', workspace, webhookId, limit)
      attempts.push(...rows.map(attemptRow))
    }
    return attempts
  }

  async counts(ref: EndpointRef | null): Promise<AutomationCounts> {
    const [where, values] = ref === null ? ['1 = 1', []] : ['workspace = ? AND automation = ?', [ref.workspace, ref.automation]]
    const count = async (table: string, condition: string): Promise<number> =>
      numberOf(await this.#session.get(`SELECT COUNT(*) AS found FROM ${table} WHERE ${condition} AND ${where}`, ...values) ?? {}, 'found')
    return {
      openCarts: await count('cart', 'due_at IS NOT NULL'),
      deliveries: {
        waiting: await count('webhook_delivery', "state = 'waiting'"), sent: await count('webhook_delivery', "state = 'sent'"),
        parked: await count('webhook_delivery', "state = 'parked'"),
      },
      disabledEndpoints: await count('webhook_endpoint', 'disabled_at IS NOT NULL'),
    }
  }
}

export async function readEndpoint(session: Session, { workspace, automation }: EndpointRef): Promise<EndpointRow | null> {
  const row = await session.get('SELECT * FROM webhook_endpoint WHERE workspace = ? AND automation = ?', workspace, automation)
  return row === undefined ? null : endpointRow(row)
}
