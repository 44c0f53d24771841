/**
 * The id under which an event that can never be stored stands in the duplicate window; no message id holds a NUL. So what its sender
 * mends and sends again under the same id is an event of its own, and only its repeats are duplicates.
 */
export function droppedId(messageId: string): string {
  return `\0${messageId}`
}
