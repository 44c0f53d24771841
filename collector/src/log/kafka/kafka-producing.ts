import type { KafkaCluster } from './kafka-cluster.ts'
import { hasCode } from './kafka-fault.ts'
import type { LaneBroker } from './kafka-lane.ts'
import { encodeRecord } from './kafka-record.ts'

/** Connections to one broker; the lanes share them, and a broker answers one question of a connection after another. */
const connectionsMax = 4
/** How long the broker may wait for the copies. */
const copiesTimeoutMs = 5_000

/** What the lanes ask, in the requests of Kafka: each lane is an idempotent producer that waits for all copies. */
export function producingAt(cluster: KafkaCluster): LaneBroker {
  const { address: { topic }, package: kafka, name } = cluster
  return {
    name,
    forgetLayout: () => cluster.forgetLayout(),
    newProducer: async () => {
      const { producerId, producerEpoch } = await cluster.ask(kafka.initProducerIdV4.api, null, 0)
      return { id: producerId, epoch: producerEpoch }
    },
    route: async (partition) => {
      const connection = await cluster.connection(await cluster.leaderOf(partition), `lane ${partition % connectionsMax}`)
      return async (records, { id, epoch, sequence }) => {
        const messages = records.map((record) => encodeRecord(topic, partition, record))
        try {
          const response = await kafka.produceV9.api.async(connection, kafka.ProduceAcks.ALL, copiesTimeoutMs, messages, {
            producerId: id, producerEpoch: epoch, sequences: new kafka.NumericMap([[`${topic}:${partition}`, sequence]]),
          })
          const offset = typeof response === 'boolean' ? undefined : response.responses[0]?.partitionResponses[0]?.baseOffset
          return offset === undefined || offset < 0n ? null : offset
        } catch (error) {
          if (hasCode(error, 'DUPLICATE_SEQUENCE_NUMBER')) return null
          throw error
        }
      }
    },
  }
}
