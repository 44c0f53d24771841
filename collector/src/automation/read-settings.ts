import { LRUCache } from 'lru-cache'
import type { AutomationRow } from '../ports/automation-store.ts'
import { type CartSettings, parseSettings } from './cart-settings.ts'
import { NameSet } from './event-name.ts'

/** Settings ready to ask. */
export interface LiveSettings {
  readonly row: AutomationRow
  readonly settings: CartSettings
  readonly cartMetrics: NameSet
  readonly orderMetrics: NameSet
}

// Rows are read afresh wherever a decision hangs on them; what they say is parsed once.
const parsed = new LRUCache<string, Omit<LiveSettings, 'row'>>({ max: 1_000 })

export function liveSettings(row: AutomationRow): LiveSettings {
  let known = parsed.get(row.settings)
  if (known === undefined) {
    const settings = parseSettings(row.settings)
    known = { settings, cartMetrics: new NameSet(settings.cartMetrics), orderMetrics: new NameSet(settings.orderMetrics) }
    parsed.set(row.settings, known)
  }
  return { row, ...known }
}
