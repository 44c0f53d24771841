import { sampleFile } from '../../collector/src/demo/sample-file.ts'
import { retailLines } from '../../collector/src/demo/retail-lines.ts'

export interface Body {
  readonly body: string
  readonly events: number
}

/** What is sent, and what every tier must hold of it in the end. */
export interface ChaosInput {
  readonly bodies: readonly Body[]
  /** Message ids that are stored, each once. */
  readonly stored: ReadonlySet<string>
}

type Event = Readonly<Record<string, unknown>> & { readonly messageId: string }

const eventsPerBody = 10
const retailEvents = 120
const visitors = 8

/**
 * A slice of the retail sample and a script of visitors who become known on two devices and merge, of a device that two people
 * share, of traits that arrive out of order, of events that come twice in another composition, and of one that is
 * quarantined. `name` stands before every identifier and message id, so that one store takes many inputs that have nothing to do
 * with each other. Lower-case letters and digits.
 */
export async function chaosInput(name: string): Promise<ChaosInput> {
  const events = [...await retailPart(name), ...visitorsPart(name), ...sharedDevice(name)]
  const repeats = events.filter((_, index) => index % 5 === 0)
  const bad = { type: 'track', event: 'Too Large', messageId: `${name}-bad`, userId: `${name}-u0`, properties: { text: 'x'.repeat(40_000) } }
  return { bodies: bodiesOf([...events, ...repeats, bad]), stored: new Set(events.map(({ messageId }) => messageId)) }
}

/** More of the same people and a new one who merges, so that every step is passed again. */
export function moreOf(name: string, round: number): ChaosInput {
  const known = Array.from({ length: 2 * visitors }, (_, index): Event => ({
    type: 'track', event: 'Product Viewed', messageId: `${name}-more-${round}-${index}`, timestamp: timeOf(1_000 + round), userId: `${name}-u${index % visitors}`,
  }))
  const [anonymousId, userId] = [`${name}-new${round}-browser`, `${name}-new${round}`]
  const events: readonly Event[] = [
    ...known,
    { type: 'track', event: 'Product Viewed', messageId: `${userId}-1`, timestamp: timeOf(1_000), anonymousId },
    { type: 'identify', messageId: `${userId}-2`, timestamp: timeOf(1_001), userId, traits: { tier: 'bronze' } },
    { type: 'identify', messageId: `${userId}-3`, timestamp: timeOf(1_002), anonymousId, userId },
  ]
  return { bodies: bodiesOf(events), stored: new Set(events.map(({ messageId }) => messageId)) }
}

/** The trait of user 0 that is the last by its own time, and not the last that is sent. */
export const lastTier = 'gold'

export function bodiesOf(events: readonly Event[]): readonly Body[] {
  const bodies: Body[] = []
  for (let start = 0; start < events.length; start += eventsPerBody) {
    const part = events.slice(start, start + eventsPerBody)
    bodies.push({ body: JSON.stringify({ batch: part }), events: part.length })
  }
  return bodies
}

async function retailPart(name: string): Promise<readonly Event[]> {
  const events: Event[] = []
  for await (const { number, invoice, product, quantity, time, priceThousandths, customer } of retailLines(sampleFile())) {
    if (events.length >= retailEvents) break
    events.push({
      type: 'track', event: 'Ordered Product', messageId: `${name}-line-${number}`, timestamp: time,
      ...(customer === null ? { anonymousId: `${name}-guest-${invoice}` } : { userId: `${name}-c${customer}` }),
      properties: { order_id: invoice, product_id: product, quantity, value: quantity * priceThousandths / 1_000, currency: 'GBP' },
    })
  }
  return events
}

function visitorsPart(name: string): readonly Event[] {
  return Array.from({ length: visitors }, (_, index) => index).flatMap((index): Event[] => {
    const [phone, laptop, user, email] = [`${name}-a${index}`, `${name}-b${index}`, `${name}-u${index}`, `${name}-${index}@example.com`]
    const id = (part: string): string => `${name}-visit-${index}-${part}`
    return [
      { type: 'track', event: 'Product Viewed', messageId: id('1'), timestamp: timeOf(1), anonymousId: phone },
      { type: 'track', event: 'Product Viewed', messageId: id('2'), timestamp: timeOf(2), anonymousId: laptop },
      { type: 'identify', messageId: id('3'), timestamp: timeOf(9), anonymousId: phone, userId: user, traits: { tier: lastTier } },
      { type: 'identify', messageId: id('4'), timestamp: timeOf(4), anonymousId: laptop, traits: { email, tier: 'silver' } },
      { type: 'identify', messageId: id('5'), timestamp: timeOf(5), userId: user, traits: { email, tier: 'bronze' } },
      { type: 'track', event: 'Product Viewed', messageId: id('6'), timestamp: timeOf(6), userId: user, anonymousId: laptop },
    ]
  })
}

function sharedDevice(name: string): readonly Event[] {
  return [0, 1].map((user) => ({
    type: 'identify', messageId: `${name}-kiosk-${user}`, timestamp: timeOf(20 + user), anonymousId: `${name}-kiosk`, userId: `${name}-u${user}`,
  }))
}

function timeOf(second: number): string {
  return new Date(Date.UTC(2026, 0, 5) + second * 1_000).toISOString()
}
