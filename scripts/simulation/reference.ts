import { decideBatch, type DecideContext } from '../../collector/src/pump/decide.ts'
import { readRecord } from '../../collector/src/pump/read-record.ts'
import type { LogRecord } from '../../collector/src/ports/log.ts'
import type { DecideChanges, DecideTransaction, PartitionRow } from '../../collector/src/ports/oltp.ts'
import { notSimulated } from './not-simulated.ts'
import { OltpTables } from './oltp-tables.ts'

/** What an undisturbed process makes of the same log: all of it at once, in one transaction, with nobody else there. */
export async function undisturbed(records: readonly LogRecord[], context: DecideContext): Promise<OltpTables> {
  const tables = new OltpTables()
  const partition: PartitionRow = {
    partition: 0, pumpEpoch: 1, loadEpoch: 1, position: null, sequence: null, batch: 0, archivedBatch: 0, loadedBatch: 0, load: 0,
  }
  tables.partitions.set(0, partition)
  const { identity } = tables
  const transaction: DecideTransaction = {
    partition,
    claimed: async (refs) => refs.map(() => false),
    suppresses: async () => false,
    suppressions: async () => new Map(),
    newestSettings: async () => [],
    openResolve: async () => null,
    waitForOthers: notSimulated,
    identifiersAfter: notSimulated,
    moveResolve: notSimulated,
    registers: async () => new Map(),
    identifiers: (workspace, keys) => identity.identifiers(workspace, keys),
    edges: (workspace, ends) => identity.edges(workspace, ends),
    components: (workspace, labels) => identity.components(workspace, labels),
    edgesOf: (workspace, keys) => identity.edgesOf(workspace, keys),
    profiles: (workspace, ids) => identity.profiles(workspace, ids),
    apply: async (changes: DecideChanges) => {
      for (const write of tables.writesOf(changes)) write()
    },
  }
  if (records.length > 0) await decideBatch(transaction, { records, events: records.flatMap((record) => readRecord(record)) }, context)
  return tables
}
