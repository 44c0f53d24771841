import { MillraceError } from '../../collector/src/platform/errors.ts'
import type { AutomationStore, AutomationTransaction, CartRow } from '../../collector/src/ports/automation-store.ts'
import type { Transaction } from './oltp-server.ts'
import type { OltpSession } from './oltp-session.ts'
import { notSimulated } from './not-simulated.ts'

/** What taking batches needs. Nothing judges carts here, so nothing is sent. */
export function simulatedAutomations(session: OltpSession): AutomationStore {
  const { server } = session
  const { tables } = server
  return {
    automations: () => session.statement('automations', () => [...tables.automations]),
    claimConsumer: (partition) => session.transaction('claimConsumer', (transaction) => session.step(transaction, 'claimConsumer', async () => {
      await server.lock(transaction, `consumer ${partition}`)
      const before = tables.consumers.get(partition) ?? { epoch: 0, batch: 0 }
      const row = { ...before, epoch: before.epoch + 1 }
      transaction.writes.push(() => tables.consumers.set(partition, row))
      return { fence: { partition, epoch: row.epoch }, consumedBatch: row.batch }
    })),
    consume: ({ partition, epoch }, throughBatch, work) => session.transaction('consume', async (transaction) => {
      await session.step(transaction, 'fence consume', async () => {
        await server.lock(transaction, `consumer ${partition}`)
        const row = tables.consumers.get(partition)
        if (row === undefined || (row.epoch !== epoch && server.sabotage !== 'no-fencing')) throw new MillraceError('epoch_lost', `the automations of partition ${partition} have a newer owner`)
        transaction.writes.push(() => tables.consumers.set(partition, { ...row, batch: Math.max(row.batch, throughBatch) }))
      })
      return work(automationTransaction(session, transaction))
    }),
    putAutomation: notSimulated, progress: notSimulated, transact: notSimulated, nextCartDue: notSimulated, leaseCarts: notSimulated,
    nextDeliveryDue: notSimulated, dueEndpoints: notSimulated, leaseDeliveries: notSimulated, endpoint: notSimulated, finishAttempts: notSimulated,
    replay: notSimulated, releaseLeases: notSimulated, pruneAutomation: notSimulated,
  }
}

function automationTransaction(session: OltpSession, transaction: Transaction): AutomationTransaction {
  const { server } = session
  const { tables } = server
  return {
    automations: () => session.step(transaction, 'automations', () => [...tables.automations]),
    identifiers: (workspace, keys) => session.step(transaction, 'identifiers', () => tables.identity.identifiers(workspace, keys)),
    identifiersOf: (workspace, profileId, limit) => session.step(transaction, 'identifiersOf', () => [...tables.identity.identifierRows.values()]
      .filter((row) => row.workspace === workspace && row.profileId === profileId).toSorted((a, b) => (a.key < b.key ? -1 : 1)).slice(0, limit)),
    carts: ({ workspace, automation }, identifierKeys) => session.step(transaction, 'carts', async () => {
      const found: CartRow[] = []
      for (const key of identifierKeys.toSorted()) {
        const id = `${workspace}/${automation}/${key}`
        if (!tables.carts.has(id)) continue
        await server.lock(transaction, `cart ${id}`)
        const row = tables.carts.get(id)
        if (row !== undefined) found.push(row)
      }
      return found
    }),
    putCarts: (rows) => session.step(transaction, 'putCarts', async () => {
      for (const row of rows) await server.lock(transaction, `cart ${cartId(row)}`)
      transaction.writes.push(() => {
        for (const row of rows) tables.carts.set(cartId(row), row)
      })
    }),
    addDelivery: notSimulated, profile: notSimulated, registersOf: notSimulated, metricTotals: notSimulated, timeline: notSimulated,
  }
}

function cartId({ workspace, automation, identifierKey }: CartRow): string {
  return `${workspace}/${automation}/${identifierKey}`
}
