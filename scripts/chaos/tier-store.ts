import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { sqlitePath } from '../../collector/src/stores/oltp/sqlite/sqlite-oltp.ts'

export type TierRow = Readonly<Record<string, unknown>>

/** Reads an OLTP and an archive as they are, with nothing of the collector between but the form of its tables. */
export interface TierStore {
  rows(sql: string): Promise<readonly TierRow[]>
  object(name: string): Promise<Uint8Array>
}

/** Of a data directory, whose collector does not write just then. */
export function embeddedStore(data: string): TierStore {
  return {
    rows: async (sql) => {
      const database = new DatabaseSync(sqlitePath(data), { readOnly: true })
      try {
        return database.prepare(sql).all()
      } finally {
        database.close()
      }
    },
    object: async (name) => readFileSync(join(data, 'objects', name)),
  }
}
