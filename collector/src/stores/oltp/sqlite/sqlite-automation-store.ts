import { MillraceError } from '../../../platform/errors.ts'
import { uuidBytes } from '../../../platform/uuid.ts'
import type {
  AttemptOutcome, AutomationRow, AutomationStore, AutomationTransaction, CartRow, ConsumerFence, ConsumerProgress, DeliveryRow, EndpointRef,
  EndpointRow, Lease,
} from '../../../ports/automation-store.ts'
import { automationRow, cartRow, deliveryRow, endpointRef } from '../automation-rows.ts'
import { numberOf, textOrNull } from '../row.ts'
import type { Connection } from './connection.ts'
import { readEndpoint } from './sqlite-automation-reader.ts'
import { SqliteAutomationTransaction } from './sqlite-automation-transaction.ts'

/** Runs work in a transaction of the one writer. */
type Write = <T>(work: () => T | Promise<T>) => Promise<T>

/** Automations on the writer's connection: their transactions take turns with those that decide. */
export class SqliteAutomationStore implements AutomationStore {
  readonly #connection: Connection
  readonly #write: Write

  constructor(connection: Connection, write: Write) {
    this.#connection = connection
    this.#write = write
  }

  putAutomation({ workspace, automation, settings, updatedAt }: AutomationRow, delayMs: number): Promise<void> {
    return this.#write(() => {
      this.#connection.run(`INSERT INTO automation (workspace, automation, settings, updated_at) VALUES (?, ?, ?, ?)
        ON CONFLICT DO UPDATE SET settings = excluded.settings, updated_at = excluded.updated_at`, workspace, automation, settings, updatedAt)
      this.#connection.run('DELETE FROM webhook_endpoint WHERE workspace = ? AND automation = ?', workspace, automation)
      this.#connection.run('UPDATE cart SET due_at = last_at + ? WHERE workspace = ? AND automation = ? AND due_at IS NOT NULL', delayMs, workspace, automation)
    })
  }

  async automations(): Promise<readonly AutomationRow[]> {
    return this.#connection.all('SELECT * FROM automation ORDER BY workspace, automation').map(automationRow)
  }

  claimConsumer(partition: number): Promise<{ readonly fence: ConsumerFence; readonly consumedBatch: number }> {
    return this.#write(() => {
      this.#connection.run(`INSERT INTO automation_consumer (partition, epoch, batch) VALUES (?, 1, 0)
        ON CONFLICT DO UPDATE SET epoch = epoch + 1`, partition)
      const row = this.#connection.get('SELECT epoch, batch FROM automation_consumer WHERE partition = ?', partition) ?? {}
      return { fence: { partition, epoch: numberOf(row, 'epoch') }, consumedBatch: numberOf(row, 'batch') }
    })
  }

  consume<T>({ partition, epoch }: ConsumerFence, throughBatch: number, work: (transaction: AutomationTransaction) => Promise<T>): Promise<T> {
    return this.#write(async () => {
      const moved = this.#connection.run('UPDATE automation_consumer SET batch = max(batch, ?) WHERE partition = ? AND epoch = ?', throughBatch, partition, epoch)
      if (moved === 0) throw new MillraceError('epoch_lost', `the automations of partition ${partition} have a newer owner than epoch ${epoch}`)
      return work(new SqliteAutomationTransaction(this.#connection))
    })
  }

  async progress(): Promise<readonly ConsumerProgress[]> {
    return this.#connection.all(`SELECT partition.partition AS partition, partition.position AS position, partition.batch AS batch,
        ifnull(automation_consumer.batch, 0) AS consumed
      FROM partition LEFT JOIN automation_consumer ON automation_consumer.partition = partition.partition ORDER BY partition.partition`)
      .map((row) => ({
        partition: numberOf(row, 'partition'), position: textOrNull(row, 'position'), batch: numberOf(row, 'batch'), consumedBatch: numberOf(row, 'consumed'),
      }))
  }

  transact<T>(work: (transaction: AutomationTransaction) => Promise<T>): Promise<T> {
    return this.#write(() => work(new SqliteAutomationTransaction(this.#connection)))
  }

  async nextCartDue(now: number): Promise<number | null> {
    const row = this.#connection.get(`SELECT due_at FROM cart WHERE due_at IS NOT NULL AND (lease_until IS NULL OR lease_until <= ?)
      ORDER BY due_at LIMIT 1`, now)
    return row === undefined ? null : numberOf(row, 'due_at')
  }

  leaseCarts({ owner, now, until, limit }: Lease): Promise<readonly CartRow[]> {
    return this.#write(() => {
      const rows = this.#connection.all(`SELECT * FROM cart WHERE due_at <= ? AND (lease_until IS NULL OR lease_until <= ?)
        ORDER BY due_at LIMIT ?`, now, now, limit).map(cartRow)
      for (const row of rows) {
        this.#connection.run('UPDATE cart SET lease_owner = ?, lease_until = ? WHERE workspace = ? AND automation = ? AND identifier_key = ?',
          owner, until, row.workspace, row.automation, uuidBytes(row.identifierKey))
      }
      return rows
    })
  }

  async nextDeliveryDue(now: number): Promise<number | null> {
    const row = this.#connection.get(`SELECT next_at FROM webhook_delivery WHERE next_at IS NOT NULL AND (lease_until IS NULL OR lease_until <= ?)
      ORDER BY next_at LIMIT 1`, now)
    return row === undefined ? null : numberOf(row, 'next_at')
  }

  async dueEndpoints(now: number, limit: number): Promise<readonly EndpointRef[]> {
    return this.#connection.all(`SELECT workspace, automation FROM automation WHERE EXISTS (SELECT 1 FROM webhook_delivery AS due
        WHERE due.workspace = automation.workspace AND due.automation = automation.automation AND due.next_at <= ?
        AND (due.lease_until IS NULL OR due.lease_until <= ?)) ORDER BY workspace, automation LIMIT ?`, now, now, limit).map(endpointRef)
  }

  leaseDeliveries({ workspace, automation }: EndpointRef, { owner, now, until, limit }: Lease): Promise<readonly DeliveryRow[]> {
    return this.#write(() => {
      const rows = this.#connection.all(`SELECT * FROM webhook_delivery WHERE workspace = ? AND automation = ? AND next_at <= ?
        AND (lease_until IS NULL OR lease_until <= ?) ORDER BY next_at LIMIT ?`, workspace, automation, now, now, limit).map(deliveryRow)
      for (const { webhookId } of rows) {
        this.#connection.run('UPDATE webhook_delivery SET lease_owner = ?, lease_until = ? WHERE workspace = ? AND webhook_id = ?', owner, until, workspace, webhookId)
      }
      return rows
    })
  }

  async endpoint(ref: EndpointRef): Promise<EndpointRow | null> {
    return readEndpoint(this.#connection, ref)
  }

  finishAttempts(outcomes: readonly AttemptOutcome[]): Promise<void> {
    return this.#write(() => {
      for (const outcome of outcomes) this.#finish(outcome)
    })
  }

  #finish({ owner, delivery, attempt, endpoint }: AttemptOutcome): void {
    const { workspace, webhookId } = delivery
    if (attempt !== null) {
      this.#connection.run(`INSERT INTO webhook_attempt (workspace, webhook_id, at, attempt, duration_ms, status, error) VALUES (?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT DO NOTHING`, workspace, webhookId, attempt.at, attempt.attempt, attempt.durationMs, attempt.status, attempt.error)
    }
    const changed = this.#connection.run(`UPDATE webhook_delivery SET state = ?, reason = ?, attempts = ?, round = ?, round_started_at = ?, next_at = ?,
        sent_at = ?, lease_owner = NULL, lease_until = NULL
      WHERE workspace = ? AND webhook_id = ? AND state <> 'sent' AND (lease_owner = ? OR ? = 'sent')`,
    delivery.state, delivery.reason, delivery.attempts, delivery.round, delivery.roundStartedAt, delivery.nextAt, delivery.sentAt,
    workspace, webhookId, owner, delivery.state)
    if (endpoint === null || changed === 0) return
    this.#connection.run(`INSERT INTO webhook_endpoint (workspace, automation, failing_since, disabled_at, disabled_reason) VALUES (?, ?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET failing_since = excluded.failing_since, disabled_at = excluded.disabled_at, disabled_reason = excluded.disabled_reason`,
    endpoint.workspace, endpoint.automation, endpoint.failingSince, endpoint.disabledAt, endpoint.disabledReason)
  }

  replay({ workspace, automation }: EndpointRef, { webhookId, now, limit }: { webhookId: string | null; now: number; limit: number }): Promise<number> {
    return this.#write(() => {
      this.#connection.run('DELETE FROM webhook_endpoint WHERE workspace = ? AND automation = ?', workspace, automation)
      return this.#connection.run(`UPDATE webhook_delivery SET state = 'waiting', reason = NULL, round = 0, round_started_at = NULL, next_at = ?1
        WHERE workspace = ?2 AND webhook_id IN (SELECT webhook_id FROM webhook_delivery
          WHERE workspace = ?2 AND automation = ?3 AND state = 'parked' AND (?4 IS NULL OR webhook_id = ?4) ORDER BY created_at, webhook_id LIMIT ?5)`,
      now, workspace, automation, webhookId, limit)
    })
  }

  releaseLeases(owner: string | null): Promise<void> {
    return this.#write(() => {
      for (const table of ['cart', 'webhook_delivery']) {
        const held = this.#connection.statement(`UPDATE ${table} SET lease_owner = NULL, lease_until = NULL WHERE lease_owner IS NOT NULL AND (?1 IS NULL OR lease_owner = ?1)`)
        held.run(owner)
      }
    })
  }

  pruneAutomation(before: number, limit: number): Promise<void> {
    return this.#write(() => {
      const ended = [
        ...this.#connection.all('SELECT workspace, webhook_id FROM webhook_delivery WHERE sent_at < ? ORDER BY sent_at LIMIT ?', before, limit),
        ...this.#connection.all("SELECT workspace, webhook_id FROM webhook_delivery WHERE state = 'parked' AND created_at < ? ORDER BY created_at LIMIT ?", before, limit),
      ]
      for (const { workspace, webhook_id: webhookId } of ended) {
        const key = [Number(workspace), String(webhookId)] as const
        this.#connection.run('DELETE FROM webhook_attempt WHERE workspace = ? AND webhook_id = ?', ...key)
        this.#connection.run('DELETE FROM webhook_delivery WHERE workspace = ? AND webhook_id = ?', ...key)
      }
      this.#connection.run(`DELETE FROM cart WHERE (workspace, automation, identifier_key) IN (SELECT workspace, automation, identifier_key FROM cart
        WHERE due_at IS NULL AND closed_through < ? LIMIT ?)`, before, limit)
    })
  }
}
