import { MillraceError } from '../../platform/errors.ts'
import type { LogPosition } from '../../ports/log.ts'
import type { KafkaCluster, TopicLayout } from './kafka-cluster.ts'
import { hasCode, kafkaFault } from './kafka-fault.ts'
import { parseKafkaPosition } from './kafka-position.ts'

/** Bytes of one record's payload. */
export const recordBytesMax = 4_194_304
/** Bytes of records that go to the broker at once; a longer record goes alone. */
export const batchBytesMax = 1_048_576
const envelopeBytesMax = 65_536

/** Until a topic that was just made has a leader everywhere. */
const madeWithinMs = 15_000

/** A topic that was checked to be ours. */
export interface KafkaTopic {
  readonly id: string
  /** When it was made, epoch seconds: a topic of the same name that is made later counts on from a greater one. */
  readonly incarnation: number
}

export interface TopicWanted {
  readonly partitions: number
  /** A position that a topic which is made has to sort after. */
  readonly notBefore: LogPosition | null
}

/**
 * The time a topic was made has to be known to all who read or write it, to be gone with the topic, and to be set in
 * the one step that makes it; Kafka keeps no such thing. This setting is only for topics that are compacted, which ours
 * are not, so it holds that time, in seconds. It also tells our topics from others.
 */
const madeAtSetting = 'delete.retention.ms'
const madeAtLeast = 1_700_000_000

/** What must not be otherwise: records are only ever removed after they are archived, and by this driver. */
const kept: Readonly<Record<string, string>> = { 'cleanup.policy': 'delete', 'retention.ms': '-1', 'retention.bytes': '-1' }

/** The topic as it is, checked. Null: there is none. Fails with `bad_config` for a topic of something else or of another shape. */
export async function findTopic(cluster: KafkaCluster, partitions: number): Promise<KafkaTopic | null> {
  cluster.forgetLayout()
  const layout = await cluster.layout()
  if (layout === null) return null
  const settings = await describe(cluster)
  if (settings === null) return null
  const { address: { topic }, name } = cluster
  const incarnation = Number(settings.get(madeAtSetting))
  if (!(incarnation >= madeAtLeast)) {
    throw new MillraceError('bad_config', `the topic ${topic} of ${name} was not made by Millrace and may hold something else; name a topic that does not exist yet, and it will be made`)
  }
  if (layout.partitions !== partitions) {
    throw new MillraceError('bad_config', `the topic ${topic} of ${name} has ${layout.partitions} partitions, not ${partitions}; they are fixed: start with --partitions ${layout.partitions}, or name another topic`)
  }
  const wrong = Object.entries(kept).filter(([setting, value]) => settings.get(setting) !== value)
  if (Number(settings.get('max.message.bytes')) < recordBytesMax + envelopeBytesMax) wrong.push(['max.message.bytes', String(recordBytesMax + envelopeBytesMax)])
  if (wrong.length > 0) {
    const now = wrong.map(([setting]) => `${setting} is ${settings.get(setting) ?? 'not set'}`).join(', ')
    const command = `kafka-configs.sh --alter --topic ${topic} --add-config ${wrong.map(([setting, value]) => `${setting}=${value}`).join(',')}`
    throw new MillraceError('bad_config', `the topic ${topic} of ${name} could lose or refuse records: ${now}; mend it with \`${command}\``)
  }
  return { id: layout.id, incarnation }
}

/**
 * The topic, made if there is none: with three copies of each record, two of which an append waits for, or with fewer
 * where there are fewer brokers, and then synced to disk before the answer.
 */
export async function makeTopic(cluster: KafkaCluster, wanted: TopicWanted): Promise<KafkaTopic> {
  const deadline = performance.now() + madeWithinMs
  for (;;) {
    const found = await findTopic(cluster, wanted.partitions)
    if (found !== null && (await isLed(cluster))) return found
    if (found === null) await create(cluster, wanted)
    if (performance.now() > deadline) {
      throw new MillraceError('unavailable', `the topic ${cluster.address.topic} of ${cluster.name} has not got its leaders yet`, { retryable: true })
    }
    await cluster.clock.sleep(50)
  }
}

async function isLed(cluster: KafkaCluster): Promise<boolean> {
  const layout = await cluster.layout()
  return layout !== null && layout.leaders.every((leader) => leader !== undefined)
}

async function describe(cluster: KafkaCluster): Promise<ReadonlyMap<string, string> | null> {
  const { describeConfigsV4, ConfigResourceTypes } = cluster.package
  try {
    const { results } = await cluster.ask(describeConfigsV4.api, [
      { resourceType: ConfigResourceTypes.TOPIC, resourceName: cluster.address.topic, configurationKeys: null },
    ], false, false)
    return new Map(results.flatMap(({ configs }) => configs.map(({ name, value }) => [name, value ?? ''] as const)))
  } catch (error) {
    if (hasCode(error, 'UNKNOWN_TOPIC_OR_PARTITION')) return null
    throw error
  }
}

async function create(cluster: KafkaCluster, { partitions, notBefore }: TopicWanted): Promise<void> {
  const { brokers, controller } = await clusterOf(cluster)
  const replicas = cluster.address.replicas ?? Math.min(3, brokers)
  const least = notBefore === null ? 0 : parseKafkaPosition(notBefore).incarnation + 1
  const configs = {
    ...kept,
    [madeAtSetting]: String(Math.max(madeAtLeast, least, Math.floor(cluster.clock.now() / 1_000))),
    'max.message.bytes': String(recordBytesMax + envelopeBytesMax),
    // A removed record frees its disk with its whole segment.
    'segment.bytes': '67108864',
    'message.timestamp.type': 'LogAppendTime',
    'unclean.leader.election.enable': 'false',
    'min.insync.replicas': replicas >= 3 ? '2' : '1',
    // Kafka leaves durability to its copies; where one broker may have to answer alone, its disk has to do.
    ...(replicas >= 3 ? {} : { 'flush.messages': '1' }),
  }
  const request = [{
    name: cluster.address.topic, numPartitions: partitions, replicationFactor: replicas, assignments: [],
    configs: Object.entries(configs).map(([name, value]) => ({ name, value })),
  }]
  const { api } = cluster.package.createTopicsV7
  try {
    await (controller === undefined ? cluster.ask(api, request, 10_000, false) : cluster.askAt(controller, api, request, 10_000, false))
  } catch (error) {
    if (hasCode(error, 'TOPIC_ALREADY_EXISTS')) return
    if (hasCode(error, 'INVALID_REPLICATION_FACTOR', 'POLICY_VIOLATION', 'INVALID_CONFIG', 'INVALID_PARTITIONS')) {
      throw new MillraceError('bad_config', `${cluster.name} does not let the topic ${cluster.address.topic} be made with ${partitions} partitions and ${replicas} copies: ${detailOf(error)}`, { cause: error })
    }
    throw kafkaFault(cluster.name, error)
  }
}

/** Brokers and controller are told with any topic, also one that is not there. */
async function clusterOf(cluster: KafkaCluster): Promise<Pick<TopicLayout, 'brokers' | 'controller'>> {
  const { brokers, controllerId } = await cluster.ask(cluster.package.metadataV12.api, [], false, false)
  return { brokers: brokers.length, controller: brokers.find(({ nodeId }) => nodeId === controllerId) }
}

/** The broker's own words, where it has some. */
function detailOf(error: unknown): string {
  const parts: unknown = Reflect.get(Object(error), 'errors')
  const detail: unknown = Array.isArray(parts) ? Reflect.get(Object(parts[0]), 'serverErrorMessage') ?? Reflect.get(Object(parts[0]), 'message') : undefined
  return typeof detail === 'string' ? detail : 'it gives no reason'
}
