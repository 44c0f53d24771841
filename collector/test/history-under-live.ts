type Json = Readonly<Record<string, unknown>>

/** What a file of old orders does to somebody who is there already. */
export type Fortune = 'stays' | 'is merged' | 'is parted'

/** A customer who bought while the collector was watching. */
export interface LiveCustomer {
  readonly number: number
  readonly event: Json
  /** Query of the read side by the identifier he is best known by. */
  readonly query: string
  readonly fortune: Fortune
}

const liveAt = Date.UTC(2026, 5, 1)
const historyAt = Date.UTC(2021, 0, 1)
/** Of so many customers two are one person by the history, and one's browser was another's before. */
const cycle = 40

/** Accounts, guests with an e-mail address and guests with a phone, a browser each. */
export function liveCustomers(count: number): readonly LiveCustomer[] {
  return Array.from({ length: count }, (_, number): LiveCustomer => {
    const common = { messageId: `live-${number}`, timestamp: new Date(liveAt + number).toISOString(), anonymousId: `visitor-${number}` }
    const kind = number % 4
    if (kind < 2) {
      return {
        number, query: `externalId=c-${number}`, fortune: number % cycle === 0 ? 'is parted' : 'stays',
        event: { ...common, type: 'identify', userId: `c-${number}`, traits: { email: `c-${number}@example.com` } },
      }
    }
    const isMerged = number % cycle === 2 || number % cycle === 3
    return {
      number, fortune: isMerged ? 'is merged' : 'stays',
      query: kind === 2 ? `email=c-${number}@example.com` : `phone=${encodeURIComponent(phone(number))}`,
      event: { ...common, type: 'track', event: 'Product Viewed', context: { traits: kind === 2 ? { email: `c-${number}@example.com` } : { phone: phone(number) } } },
    }
  })
}

/** Their orders of years before, as a shop exports them: `perCustomer` of each. */
export function historyOf(count: number, perCustomer: number): { readonly csv: string; readonly orders: number } {
  const rows = ['order_id,created_at,customer_id,visitor_id,email,phone,total']
  for (let number = 0; number < count; number += 1) {
    for (let order = 0; order < perCustomer; order += 1) rows.push(row(number, order))
    // His browser was somebody else's account's before it was his.
    if (number % cycle === 0) rows.push(`before-${number},${at(number, 0)},earlier-${number},visitor-${number},,,1`)
  }
  return { csv: `${rows.join('\n')}\n`, orders: rows.length - 1 }
}

function row(number: number, order: number): string {
  const begin = `o-${number}-${order},${at(number, order)}`
  if (number % 4 < 2) return `${begin},c-${number},,c-${number}@example.com,,10`
  if (number % 4 === 2) return `${begin},,,c-${number}@example.com,,10`
  // The guest with the phone is the one with the address of the number before.
  return `${begin},,,${number % cycle === 3 ? `c-${number - 1}@example.com` : ''},${phone(number)},10`
}

function at(number: number, order: number): string {
  return new Date(historyAt + number * 60_000 + order * 86_400_000).toISOString()
}

function phone(number: number): string {
  return `+4915${String(100_000_000 + number)}`
}
