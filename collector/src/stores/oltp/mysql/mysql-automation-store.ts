import { MillraceError } from '../../../platform/errors.ts'
import { uuidBytes } from '../../../platform/uuid.ts'
import type {
  AttemptOutcome, AutomationRow, AutomationStore, AutomationTransaction, CartRow, ConsumerFence, ConsumerProgress, DeliveryRow, EndpointRef,
  EndpointRow, Lease,
} from '../../../ports/automation-store.ts'
import { automationRow, cartRow, deliveryRow, endpointRef } from '../automation-rows.ts'
import { numberOf, textOf, textOrNull } from '../row.ts'
import { readEndpoint } from './mysql-automation-reader.ts'
import { MysqlAutomationTransaction } from './mysql-automation-transaction.ts'
import type { Session } from './session.ts'

type Transaction = <T>(work: (session: Session) => Promise<T>) => Promise<T>

/** A row that is free, or whose lease is over. Leases hold as well where SKIP LOCKED is ignored, as TiDB does. */
const free = '(lease_until IS NULL OR lease_until <= ?)'

export class MysqlAutomationStore implements AutomationStore {
  readonly #session: Session
  readonly #transaction: Transaction

  constructor(session: Session, transaction: Transaction) {
    this.#session = session
    this.#transaction = transaction
  }

  putAutomation({ workspace, automation, settings, updatedAt }: AutomationRow, delayMs: number): Promise<void> {
    return this.#transaction(async (session) => {
      await session.run(`INSERT INTO automation (workspace, automation, settings, updated_at) VALUES (?, ?, ?, ?)
        ON DUPLICATE KEY UPDATE settings = VALUES(settings), updated_at = VALUES(updated_at)`, workspace, automation, settings, updatedAt)
      await session.run('DELETE FROM webhook_endpoint WHERE workspace = ? AND automation = ?', workspace, automation)
      await session.run('UPDATE cart SET due_at = last_at + ? WHERE workspace = ? AND automation = ? AND due_at IS NOT NULL', delayMs, workspace, automation)
    })
  }

  async automations(): Promise<readonly AutomationRow[]> {
    return (await this.#session.all('SELECT * FROM automation ORDER BY workspace, automation')).map(automationRow)
  }

  claimConsumer(partition: number): Promise<{ readonly fence: ConsumerFence; readonly consumedBatch: number }> {
    return this.#transaction(async (session) => {
      await session.run('INSERT INTO automation_consumer (`partition`, epoch, batch) VALUES (?, 1, 0) ON DUPLICATE KEY UPDATE epoch = epoch + 1', partition)
      const row = await session.get('SELECT epoch, batch FROM automation_consumer WHERE `partition` = ?', partition) ?? {}
      return { fence: { partition, epoch: numberOf(row, 'epoch') }, consumedBatch: numberOf(row, 'batch') }
    })
  }

  consume<T>({ partition, epoch }: ConsumerFence, throughBatch: number, work: (transaction: AutomationTransaction) => Promise<T>): Promise<T> {
    return this.#transaction(async (session) => {
      const row = await session.get('SELECT epoch FROM automation_consumer WHERE `partition` = ? FOR UPDATE', partition)
      if (row === undefined || numberOf(row, 'epoch') !== epoch) {
        throw new MillraceError('epoch_lost', `the automations of partition ${partition} have a newer owner than epoch ${epoch}`)
      }
      await session.run('UPDATE automation_consumer SET batch = GREATEST(batch, ?) WHERE `partition` = ?', throughBatch, partition)
      return work(new MysqlAutomationTransaction(session))
    })
  }

  async progress(): Promise<readonly ConsumerProgress[]> {
    const rows = await this.#session.all(`SELECT p.\`partition\` AS number, p.position AS position, p.batch AS batch, IFNULL(c.batch, 0) AS consumed
      FROM \`partition\` AS p LEFT JOIN automation_consumer AS c ON c.\`partition\` = p.\`partition\` WHERE p.\`partition\` >= 0 ORDER BY p.\`partition\``)
    return rows.map((row) => ({
      partition: numberOf(row, 'number'), position: textOrNull(row, 'position'), batch: numberOf(row, 'batch'), consumedBatch: numberOf(row, 'consumed'),
    }))
  }

  transact<T>(work: (transaction: AutomationTransaction) => Promise<T>): Promise<T> {
    return this.#transaction((session) => work(new MysqlAutomationTransaction(session)))
  }

  async nextCartDue(now: number): Promise<number | null> {
    const row = await this.#session.get(`SELECT due_at FROM cart WHERE due_at IS NOT NULL AND ${free} ORDER BY due_at LIMIT 1`, now)
    return row === undefined ? null : numberOf(row, 'due_at')
  }

  leaseCarts({ owner, now, until, limit }: Lease): Promise<readonly CartRow[]> {
    return this.#transaction(async (session) => {
      const rows = (await session.all(`SELECT * FROM cart WHERE due_at <= ? AND ${free} ORDER BY due_at LIMIT ? FOR UPDATE`, now, now, limit)).map(cartRow)
      for (const row of rows) {
        await session.run('UPDATE cart SET lease_owner = ?, lease_until = ? WHERE workspace = ? AND automation = ? AND identifier_key = ?',
          owner, until, row.workspace, row.automation, uuidBytes(row.identifierKey))
      }
      return rows
    })
  }

  async nextDeliveryDue(now: number): Promise<number | null> {
    const row = await this.#session.get(`SELECT next_at FROM webhook_delivery WHERE next_at IS NOT NULL AND ${free} ORDER BY next_at LIMIT 1`, now)
    return row === undefined ? null : numberOf(row, 'next_at')
  }

  async dueEndpoints(now: number, limit: number): Promise<readonly EndpointRef[]> {
    return (await this.#session.all(`SELECT workspace, automation FROM automation WHERE EXISTS (SELECT 1 FROM webhook_delivery AS due
      WHERE due.workspace = automation.workspace AND due.automation = automation.automation AND due.next_at <= ?
      AND (due.lease_until IS NULL OR due.lease_until <= ?)) ORDER BY workspace, automation LIMIT ?`, now, now, limit)).map(endpointRef)
  }

  leaseDeliveries({ workspace, automation }: EndpointRef, { owner, now, until, limit }: Lease): Promise<readonly DeliveryRow[]> {
    return this.#transaction(async (session) => {
      const rows = (await session.all(`SELECT * FROM webhook_delivery WHERE workspace = ? AND automation = ? AND next_at <= ? AND ${free}
        ORDER BY next_at LIMIT ? FOR UPDATE`, workspace, automation, now, now, limit)).map(deliveryRow)
      for (const { webhookId } of rows) {
        await session.run('UPDATE webhook_delivery SET lease_owner = ?, lease_until = ? WHERE workspace = ? AND webhook_id = ?', owner, until, workspace, webhookId)
      }
      return rows
    })
  }

  endpoint(ref: EndpointRef): Promise<EndpointRow | null> {
    return readEndpoint(this.#session, ref)
  }

  finishAttempts(outcomes: readonly AttemptOutcome[]): Promise<void> {
    return this.#transaction(async (session) => {
      for (const outcome of outcomes) await finish(session, outcome)
    })
  }

  replay({ workspace, automation }: EndpointRef, { webhookId, now, limit }: { webhookId: string | null; now: number; limit: number }): Promise<number> {
    return this.#transaction(async (session) => {
      await session.run('DELETE FROM webhook_endpoint WHERE workspace = ? AND automation = ?', workspace, automation)
      const parked = await session.all(`SELECT webhook_id FROM webhook_delivery WHERE workspace = ? AND automation = ? AND state = 'parked'
        AND (? IS NULL OR webhook_id = ?) ORDER BY created_at, webhook_id LIMIT ? FOR UPDATE`, workspace, automation, webhookId, webhookId, limit)
      await session.runOf(parked.map((row) => textOf(row, 'webhook_id')), `UPDATE webhook_delivery SET state = 'waiting', reason = NULL, round = 0,
        round_started_at = NULL, next_at = ? WHERE workspace = ? AND webhook_id IN (?)`, now, workspace)
      return parked.length
    })
  }

  async releaseLeases(owner: string | null): Promise<void> {
    for (const table of ['cart', 'webhook_delivery']) {
      await this.#session.run(`UPDATE ${table} SET lease_owner = NULL, lease_until = NULL WHERE lease_owner IS NOT NULL AND (? IS NULL OR lease_owner = ?)`, owner, owner)
    }
  }

  pruneAutomation(before: number, limit: number): Promise<void> {
    return this.#transaction(async (session) => {
      const ended = [
        ...await session.all('SELECT workspace, webhook_id FROM webhook_delivery WHERE sent_at < ? ORDER BY sent_at LIMIT ?', before, limit),
        ...await session.all(`SELECT workspace, webhook_id FROM webhook_delivery WHERE state = 'parked' AND created_at < ? ORDER BY created_at LIMIT ?`, before, limit),
      ]
      for (const row of ended) {
        const key = [numberOf(row, 'workspace'), textOf(row, 'webhook_id')] as const
        await session.run('DELETE FROM webhook_attempt WHERE workspace = ? AND webhook_id = ?', ...key)
        await session.run('DELETE FROM webhook_delivery WHERE workspace = ? AND webhook_id = ?', ...key)
      }
      await session.run('DELETE FROM cart WHERE due_at IS NULL AND closed_through < ? LIMIT ?', before, limit)
    })
  }
}

async function finish(session: Session, { owner, delivery, attempt, endpoint }: AttemptOutcome): Promise<void> {
  const { workspace, webhookId } = delivery
  if (attempt !== null) {
    await session.run(`INSERT INTO webhook_attempt (workspace, webhook_id, at, attempt, duration_ms, status, error) VALUES (?, ?, ?, ?, ?, ?, ?)
      ON DUPLICATE KEY UPDATE attempt = VALUES(attempt)`, workspace, webhookId, attempt.at, attempt.attempt, attempt.durationMs, attempt.status, attempt.error)
  }
  // Asked first: a row that is written as it was counts as not affected.
  const mine = await session.get(`SELECT 1 AS found FROM webhook_delivery WHERE workspace = ? AND webhook_id = ? AND state <> 'sent'
    AND (lease_owner = ? OR ? = 'sent') FOR UPDATE`, workspace, webhookId, owner, delivery.state)
  if (mine === undefined) return
  await session.run(`UPDATE webhook_delivery SET state = ?, reason = ?, attempts = ?, round = ?, round_started_at = ?, next_at = ?, sent_at = ?,
    lease_owner = NULL, lease_until = NULL WHERE workspace = ? AND webhook_id = ?`,
  delivery.state, delivery.reason, delivery.attempts, delivery.round, delivery.roundStartedAt, delivery.nextAt, delivery.sentAt, workspace, webhookId)
  if (endpoint === null) return
  await session.run(`INSERT INTO webhook_endpoint (workspace, automation, failing_since, disabled_at, disabled_reason) VALUES (?, ?, ?, ?, ?)
    ON DUPLICATE KEY UPDATE failing_since = VALUES(failing_since), disabled_at = VALUES(disabled_at), disabled_reason = VALUES(disabled_reason)`,
  endpoint.workspace, endpoint.automation, endpoint.failingSince, endpoint.disabledAt, endpoint.disabledReason)
}
