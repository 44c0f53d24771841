/** Message ids are forgotten by whole weeks of receivedAt: what is deleted together lies together. */
export const eventPeriodMs = 7 * 86_400_000

/** The end of a period that never ends: the source register. */
export const forEver = Number.MAX_SAFE_INTEGER
