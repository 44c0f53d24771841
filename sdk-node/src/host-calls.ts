import type { QueuedEvent } from './encode-event.ts'
import type { MillraceOptions } from './options.ts'
import type { Outcome } from './outcomes.ts'

/** Tells the host what became of an event. Its functions may throw or reject; that is no reason to lose count of events. */
export function tellHost({ onDelivered, onDropped }: MillraceOptions, { messageId, callback }: QueuedEvent, outcome: Outcome): void {
  if (outcome.kind === 'delivered' || outcome.kind === 'duplicate') {
    if (onDelivered !== undefined) callHost(() => onDelivered(messageId))
    if (callback !== undefined) callHost(() => callback())
    return
  }
  if (onDropped !== undefined) {
    callHost(() => onDropped(outcome.kind === 'quarantined'
      ? { messageId, reason: 'quarantined', detail: outcome.reason }
      : { messageId, reason: outcome.reason, ...(outcome.status === undefined ? {} : { status: outcome.status }) }))
  }
  if (callback !== undefined) callHost(() => callback(new Error(`the event was ${outcome.kind}: ${outcome.reason}`)))
}

/** Calls a function of the host; what goes wrong in it becomes a warning of the process. */
export function callHost(call: () => unknown): void {
  try {
    const answer = call()
    if (answer instanceof Promise) answer.catch(warn)
  } catch (error) {
    warn(error)
  }
}

function warn(error: unknown): void {
  process.emitWarning(`a function given to @millrace/node failed: ${error instanceof Error ? error.message : typeof error}`)
}
