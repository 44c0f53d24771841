import { BatchSource } from '../../collector/src/pump/batch-source.ts'
import { decideBatch, type DecideContext } from '../../collector/src/pump/decide.ts'
import { readRecord } from '../../collector/src/pump/read-record.ts'
import { rebuildProfiles } from '../../collector/src/pump/rebuild-profiles.ts'
import type { LogRecord } from '../../collector/src/ports/log.ts'
import type { DecideChanges, DecideTransaction, PartitionRow } from '../../collector/src/ports/oltp.ts'
import { notSimulated } from './not-simulated.ts'
import { OltpTables } from './oltp-tables.ts'
import { plainGzip } from './simulated-objects.ts'
import type { Stores } from './stores.ts'

/** What an undisturbed process makes of the same log: all of it at once, in one transaction, with nobody else there. */
export async function undisturbed(records: readonly LogRecord[], context: DecideContext): Promise<OltpTables> {
  const tables = new OltpTables()
  const partition: PartitionRow = {
    partition: 0, pumpEpoch: 1, loadEpoch: 1, position: null, sequence: null, batch: 0, archivedBatch: 0, loadedBatch: 0, load: 0,
  }
  tables.partitions.set(0, partition)
  const transaction: DecideTransaction = {
    ...readerOf(tables),
    partition,
    claimed: async (refs) => refs.map(() => false),
    suppresses: async () => false,
    suppressions: async () => new Map(),
    newestSettings: async () => [],
    openResolve: async () => null,
    waitForOthers: notSimulated,
    identifiersAfter: notSimulated,
    moveResolve: notSimulated,
    apply: async (changes: DecideChanges) => {
      for (const write of tables.writesOf(changes)) write()
    },
  }
  if (records.length > 0) await decideBatch(transaction, { records, events: records.flatMap((record) => readRecord(record)) }, context)
  return tables
}

/** What an empty system makes of the archive: the product's own rebuild, on objects and batch rows alone. */
export async function replayed({ oltp: { tables }, objects }: Stores, partitions: number, context: DecideContext): Promise<OltpTables> {
  const people = new OltpTables()
  const source = new BatchSource({
    oltp: { objectOf: async (partition, batch) => tables.objectsOf(partition).find(({ firstBatch, lastBatch }) => firstBatch <= batch && batch <= lastBatch) ?? null },
    objects: { get: async (name) => objects.objects.get(name) ?? null }, log: { open: notSimulated }, gzip: plainGzip,
  })
  await rebuildProfiles({
    oltp: {
      restoreSettings: notSimulated,
      batches: async (partition, firstBatch, limit) => tables.batchesOf(partition).slice(firstBatch - 1, firstBatch - 1 + limit),
      rebuildProfiles: async (work) => {
        await work({ ...readerOf(people), allSettings: async () => [], replay: async (changes, from) => people.applyPeople(changes, from) })
        return { identifiers: people.identity.identifierRows.size, profiles: people.identity.profileRows.size, moved: [] }
      },
    },
    olap: { putOverrides: async () => {}, putPointings: async () => {} }, source, partitions, context,
  })
  return people
}

function readerOf({ identity, registers }: OltpTables): Pick<DecideTransaction, 'identifiers' | 'edges' | 'components' | 'edgesOf' | 'profiles' | 'registers'> {
  return {
    identifiers: (workspace, keys) => identity.identifiers(workspace, keys),
    edges: (workspace, ends) => identity.edges(workspace, ends),
    components: (workspace, labels) => identity.components(workspace, labels),
    edgesOf: (workspace, keys) => identity.edgesOf(workspace, keys),
    profiles: (workspace, ids) => identity.profiles(workspace, ids),
    registers: async (workspace, keys) => new Map(keys.flatMap((key) => {
      const row = registers.get(`${workspace}/${key}`)
      return row === undefined ? [] : [[key, row] as const]
    })),
  }
}
