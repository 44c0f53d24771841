import { MillraceError } from '../../platform/errors.ts'
import { uuidText } from '../../platform/uuid.ts'
import type { AttemptRow, AutomationRow, CartRow, DeliveryRow, EndpointRef, EndpointRow } from '../../ports/automation-store.ts'
import { deliveryStates } from '../../ports/delivery-state.ts'
import { bytesOf, numberOf, numberOrNull, type Row, textOf, textOrNull } from './row.ts'

export function endpointRef(row: Row): EndpointRef {
  return { workspace: numberOf(row, 'workspace'), automation: textOf(row, 'automation') }
}

export function automationRow(row: Row): AutomationRow {
  return { ...endpointRef(row), settings: textOf(row, 'settings'), updatedAt: numberOf(row, 'updated_at') }
}

export function cartRow(row: Row): CartRow {
  return {
    ...endpointRef(row), identifierKey: uuidText(bytesOf(row, 'identifier_key')),
    firstAt: numberOf(row, 'first_at'), firstMessageId: textOf(row, 'first_message_id'),
    lastAt: numberOf(row, 'last_at'), lastMessageId: textOf(row, 'last_message_id'),
    closedThrough: numberOrNull(row, 'closed_through'), dueAt: numberOrNull(row, 'due_at'),
  }
}

export function deliveryRow(row: Row): DeliveryRow {
  const text = textOf(row, 'state')
  const state = deliveryStates.find((known) => known === text)
  if (state === undefined) throw new MillraceError('corrupt', `unknown delivery state ${JSON.stringify(text)}`)
  return {
    ...endpointRef(row), webhookId: textOf(row, 'webhook_id'), profileId: uuidText(bytesOf(row, 'profile_id')), body: textOf(row, 'body'),
    dueAt: numberOf(row, 'due_at'), createdAt: numberOf(row, 'created_at'), state, reason: textOrNull(row, 'reason'),
    attempts: numberOf(row, 'attempts'), round: numberOf(row, 'round'), roundStartedAt: numberOrNull(row, 'round_started_at'),
    nextAt: numberOrNull(row, 'next_at'), sentAt: numberOrNull(row, 'sent_at'),
  }
}

export function attemptRow(row: Row): AttemptRow {
  return {
    workspace: numberOf(row, 'workspace'), webhookId: textOf(row, 'webhook_id'), attempt: numberOf(row, 'attempt'), at: numberOf(row, 'at'),
    durationMs: numberOf(row, 'duration_ms'), status: numberOrNull(row, 'status'), error: textOrNull(row, 'error'),
  }
}

export function endpointRow(row: Row): EndpointRow {
  return {
    ...endpointRef(row), failingSince: numberOrNull(row, 'failing_since'), disabledAt: numberOrNull(row, 'disabled_at'),
    disabledReason: textOrNull(row, 'disabled_reason'),
  }
}
