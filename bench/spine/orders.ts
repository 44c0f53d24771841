import { orderEvent } from '../peers/order-event.ts'

/** An order of about 860 bytes, each by a customer of its own. */
export function order(index: number): object {
  const messageId = `01946a2b-0000-7000-8000-${String(index).padStart(12, '0')}`
  return { ...orderEvent(index, messageId), userId: `customer-${index}`, anonymousId: '8d1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d' }
}
