import { LogServer } from './simulated-log.ts'
import { ObjectServer } from './simulated-objects.ts'
import { OlapServer } from './simulated-olap.ts'
import { OltpServer } from './oltp-server.ts'
import type { Sabotage } from './sabotage.ts'
import { Witness } from './witness.ts'
import type { World } from './world.ts'

/** What outlives every process of a history. */
export interface Stores {
  readonly oltp: OltpServer
  readonly log: LogServer
  readonly objects: ObjectServer
  readonly olap: OlapServer
}

export function makeStores(world: World, { partitions, sabotage }: { readonly partitions: number; readonly sabotage: Sabotage | null }): Stores {
  const objects = new ObjectServer(world, sabotage)
  const olap = new OlapServer(world, sabotage)
  const oltp: OltpServer = new OltpServer(world, { sabotage, committed: () => witness.committed() })
  const witness = new Witness(world, { tables: oltp.tables, objects, olap })
  const log = new LogServer(world, partitions, { sabotage, acknowledged: (partition, position) => witness.acknowledged(partition, position) })
  return { oltp, log, objects, olap }
}
