import { segmentTemplates, type ShopMetrics, uuidV7 } from '@millrace/schemas'
import type { NewSegment } from '../../ports/oltp.ts'

/** The ready-made segments of a shop, ready to be stored; `now` in epoch milliseconds. */
export function templateSegments(shop: ShopMetrics, now: number): readonly NewSegment[] {
  return segmentTemplates(shop).map(({ name, definition }) => ({ newId: uuidV7(now), name, definition: JSON.stringify(definition), createdAt: now }))
}
