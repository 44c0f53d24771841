import { textField } from '../administration.ts'
import type { Handler } from '../platform/channel.ts'
import { MillraceError } from '../platform/errors.ts'
import type { OltpReader } from '../ports/oltp.ts'
import type { ImportLane, ImportRecord } from './import-lane.ts'

export interface ImportOperations {
  readonly lane: ImportLane
  readonly reader: Pick<OltpReader, 'workspaces'>
  readonly partitions: number
  /** Of a workspace's phone numbers; null: those without a country code identify nobody. */
  readonly regionOf: (workspace: number) => Promise<string | null>
}

/** What an importer has to know so that it cuts records as this collector would. */
export interface ImportTarget {
  readonly workspace: number
  readonly partitions: number
  readonly region: string
}

/** What `millrace import` asks of the running collector. */
export function importOperations({ lane, reader, partitions, regionOf }: ImportOperations): readonly (readonly [string, Handler])[] {
  return [
    ['importTarget', async (params): Promise<ImportTarget> => {
      const name = textField(params, 'workspace')
      const found = (await reader.workspaces()).find((row) => row.name === name || String(row.workspace) === name)
      if (found === undefined) throw new MillraceError('not_found', `there is no workspace ${JSON.stringify(name)}; make it with \`millrace keys create --workspace\``)
      return { workspace: found.workspace, partitions, region: await regionOf(found.workspace) ?? 'none' }
    }],
    ['importBlock', (params) => {
      const { workspace, records } = blockOf(params)
      return lane.append(workspace, records)
    }],
    ['importRest', () => lane.rest()],
  ]
}

function blockOf(params: unknown): { readonly workspace: number; readonly records: readonly ImportRecord[] } {
  if (typeof params === 'object' && params !== null && 'workspace' in params && 'records' in params &&
    typeof params.workspace === 'number' && Array.isArray(params.records) && params.records.every(isRecord)) {
    return { workspace: params.workspace, records: params.records }
  }
  throw new MillraceError('bad_request', 'not a block of an import')
}

function isRecord(value: unknown): value is ImportRecord {
  return typeof value === 'object' && value !== null && 'partition' in value && 'messageIds' in value && 'text' in value &&
    typeof value.partition === 'number' && Array.isArray(value.messageIds) && value.messageIds.every((id) => typeof id === 'string') && typeof value.text === 'string'
}
