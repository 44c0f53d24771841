import type { CanonicalEvent } from '@millrace/schemas'
import { defaultIdentitySettings } from '../../collector/src/identity/identity-settings.ts'
import { strongestIdentifier } from '../../collector/src/identity/extract-identifiers.ts'
import { partitionOf } from '../../collector/src/ingest/partition-of.ts'
import { droppedId } from '../../collector/src/ports/dropped-id.ts'
import { encodeRecordLine, type Trust } from '../../collector/src/ports/record.ts'
import type { Choices } from '../fuzz/random.ts'
import { refusedMark } from './simulated-olap.ts'
import { beginMs } from './world.ts'

/** One thing that a client sends, however often it arrives. */
export interface Item {
  readonly workspace: number
  readonly messageId: string
  readonly partition: number
  readonly fate: 'stored' | 'quarantined'
  /** What stands for it in the duplicate window. */
  readonly claimedId: string
  /** The OLAP takes no row of it. */
  readonly refused: boolean
  /** One line of a record, as the edge writes it when it has the item at that instant. */
  readonly line: (receivedAt: number) => string
}

/** One record that is appended to the log. */
export interface Delivery {
  readonly at: number
  readonly partition: number
  readonly items: readonly Item[]
}

export interface InputPlan {
  readonly partitions: number
  readonly items: number
  /** Everything was sent by then, virtual milliseconds. */
  readonly withinMs: number
  /** Few people meet often, and so do transactions about them. */
  readonly people: number
  /** How far back events lie, days. */
  readonly days: number
  /** Of a hundred items: sent again, unreadable for the OLAP. */
  readonly again: number
  readonly refused: number
  /** Some message ids are used twice, for different events. */
  readonly conflicts: boolean
}

export interface Input {
  readonly items: readonly Item[]
  readonly deliveries: readonly Delivery[]
}

const settings = defaultIdentitySettings

export function makeInput(choices: Choices, plan: InputPlan): Input {
  const items = Array.from({ length: plan.items }, (_, index) => itemOf(choices, plan, index))
  const sent: Item[] = []
  for (const item of items) for (let copies = choices.chance(plan.again / 100) ? 2 + choices.below(2) : 1; copies > 0; copies -= 1) sent.push(item)
  // A retry comes in whatever composition, before or after what was sent later.
  const rest = sent.map((item) => ({ item, at: choices.below(plan.withinMs) })).toSorted((a, b) => a.at - b.at)
  const deliveries: Delivery[] = []
  for (const [partition, group] of Map.groupBy(rest, ({ item }) => item.partition)) {
    for (let from = 0; from < group.length;) {
      const count = choices.chance(0.05) ? 1 + choices.below(30) : 1 + choices.below(2)
      const part = group.slice(from, from + count)
      deliveries.push({ at: part.at(-1)?.at ?? 0, partition, items: part.map(({ item }) => item) })
      from += count
    }
  }
  return { items, deliveries: deliveries.toSorted((a, b) => a.at - b.at) }
}

function itemOf(choices: Choices, plan: InputPlan, index: number): Item {
  const { workspace, event, refused } = eventOf(choices, plan, index)
  const reused = plan.conflicts && index > 0 && choices.chance(0.05)
  const messageId = `m${reused ? choices.below(index) : index}`
  const trust: Trust = choices.chance(0.3) ? 'secret' : 'public'
  const identifier = strongestIdentifier(event, settings)
  const key = `${workspace}:${identifier === null ? messageId : `${identifier.kind}/${identifier.value}`}`
  const bad = choices.chance(0.02)
  return {
    workspace, messageId, partition: partitionOf(key, plan.partitions), refused: refused && identifier !== null && !bad,
    fate: identifier === null || bad ? 'quarantined' : 'stored', claimedId: bad ? droppedId(messageId) : messageId,
    line: (receivedAt) => bad
      ? encodeRecordLine({ workspace, receivedAt, trust, reason: 'bad_json', flags: [], json: JSON.stringify({ messageId, encoding: 'utf8', raw: '{', truncated: false }) })
      : encodeRecordLine({ workspace, receivedAt, trust, reason: null, flags: [], json: JSON.stringify({ ...event, messageId, receivedAt: new Date(receivedAt).toISOString() }) }),
  }
}

interface Drawn {
  readonly workspace: number
  readonly event: Omit<CanonicalEvent, 'messageId' | 'receivedAt'>
  readonly refused: boolean
}

/** Two workspaces share all their identifiers; people have several, and some of them with others. */
function eventOf(choices: Choices, plan: InputPlan, index: number): Drawn {
  const workspace = choices.chance(0.85) ? 1 : 2
  const person = choices.below(plan.people)
  const timestamp = new Date(beginMs - choices.below(plan.days * 86_400_000)).toISOString()
  const userId = `user-${person}`
  const anonymousId = choices.chance(0.1) ? 'shared-device' : `anonymous-${person}-${choices.below(3)}`
  const email = `person-${choices.chance(0.95) ? person : choices.below(plan.people)}@shop.example`
  const refused = choices.chance(plan.refused / 100)
  const properties = { value: choices.below(1_000), order_id: `o${index}`, ...(refused ? { note: refusedMark } : {}) }
  const kind = choices.below(100)
  if (kind < 40) return { workspace, refused, event: { type: 'track', event: 'Product Viewed', timestamp, anonymousId, properties } }
  if (kind < 55) return { workspace, refused, event: { type: 'track', event: 'Order Completed', timestamp, userId, anonymousId, properties } }
  if (kind < 65) return { workspace, refused, event: { type: 'track', event: 'Product Added', timestamp, userId, properties } }
  if (kind < 85) return { workspace, refused: false, event: { type: 'identify', timestamp, userId, anonymousId, traits: { email, [`trait${choices.below(3)}`]: index } } }
  if (kind < 92) return { workspace, refused: false, event: { type: 'identify', timestamp, anonymousId, traits: { email, consent: { email: choices.of(['subscribed', 'unsubscribed']) } } } }
  if (kind < 96) return { workspace, refused, event: { type: 'page', timestamp, anonymousId, properties } }
  return { workspace, refused: false, event: { type: 'track', event: 'Nobody', timestamp, properties } }
}
