import { MillraceError } from '../../platform/errors.ts'
import { type TopicAdmin, unreadable } from './topic-admin.ts'

interface PolicyCheck {
  readonly name: string
  read(topic: TopicAdmin): Promise<unknown>
  /** What to do where the value loses data; null where it is fine. */
  fault(value: unknown, names: { readonly namespace: string }): string | null
}

const checks: readonly PolicyCheck[] = [
  {
    name: 'message time to live',
    read: (topic) => topic.policy('messageTTL'),
    fault: (value, { namespace }) => (Number(value ?? 0) > 0
      ? `drops messages after ${String(value)} s, archived or not; switch it off: pulsar-admin namespaces remove-message-ttl ${namespace}`
      : null),
  },
  {
    name: 'backlog quota',
    read: (topic) => topic.policy('backlogQuotaMap'),
    fault: (value, { namespace }) => (Object.values(Object(value)).some((quota) => Reflect.get(Object(quota), 'policy') === 'consumer_backlog_eviction')
      ? `drops what is not archived when it is full; hold the producers instead: pulsar-admin namespaces set-backlog-quota ${namespace} --limit 100G --policy producer_request_hold`
      : null),
  },
  {
    name: 'inactive topics',
    read: (topic) => topic.policy('inactiveTopicPolicies'),
    fault: (value, { namespace }) => (Reflect.get(Object(value), 'deleteWhileInactive') === true && Reflect.get(Object(value), 'inactiveTopicDeleteMode') === 'delete_when_subscriptions_caught_up'
      ? `deletes the topic with its subscription when it is quiet; keep it: pulsar-admin namespaces set-inactive-topic-policies ${namespace} --disable-delete-while-inactive`
      : null),
  },
  {
    name: 'subscription expiry',
    read: async (topic) => (await topic.namespacePolicy('subscriptionExpirationTime')) ?? settingOf(await topic.brokerSettings(), 'subscriptionExpirationTimeMinutes'),
    fault: (value, { namespace }) => (Number(value ?? 0) > 0
      ? `removes the subscription that holds back what is not archived after ${String(value)} minutes; switch it off: pulsar-admin namespaces set-subscription-expiration-time ${namespace} --time 0`
      : null),
  },
]

/**
 * Fails with `bad_config` and the command to run where a policy would drop records that are not archived, or where
 * producers are not deduplicated and that cannot be switched on for the topic. Answers what was found, in words.
 */
export async function checkPolicies(topic: TopicAdmin, shown: string): Promise<readonly string[]> {
  const unread: string[] = []
  for (const { name, read, fault } of checks) {
    const value = await read(topic)
    if (value === unreadable) {
      unread.push(name)
      continue
    }
    const words = fault(value, topic)
    if (words !== null) throw new MillraceError('bad_config', `Pulsar at ${shown}: the policy "${name}" ${words}`)
  }
  const deduplicated = await deduplication(topic, shown)
  if (!deduplicated) unread.push('deduplication')
  return [
    ...(deduplicated ? ['producers are deduplicated'] : []),
    'no policy drops what is not archived',
    ...(unread.length === 0 ? [] : [`the token cannot read: ${unread.join(', ')}`]),
  ]
}

/** True once it is on, false where that cannot be read. */
async function deduplication(topic: TopicAdmin, shown: string): Promise<boolean> {
  const before = await topic.policy('deduplicationEnabled')
  if (before === unreadable) return false
  if (before === true || (before === undefined && settingOf(await topic.brokerSettings(), 'brokerDeduplicationEnabled') === 'true')) return true
  const enabled = await topic.enableDeduplication()
  // A topic's policy travels through a topic of its own, so it is not read back at once.
  if (enabled) return true
  throw new MillraceError('bad_config', `Pulsar at ${shown} does not deduplicate producers; switch it on: pulsar-admin namespaces set-deduplication ${topic.namespace} --enable`)
}

function settingOf(settings: unknown, name: string): unknown {
  return settings === unreadable ? unreadable : Reflect.get(Object(settings), name)
}
