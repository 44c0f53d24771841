import { createConnection, type RowDataPacket } from 'mysql2/promise'
import { openS3Objects } from '../src/stores/objects/s3/s3-objects.ts'

/** What a MySQL server and a bucket hold, asked directly. */
export interface EngineStore {
  rows(sql: string): Promise<readonly Readonly<Record<string, unknown>>[]>
  object(name: string): Promise<Uint8Array>
}

export function engineStore({ oltpUrl, objectsUrl }: { readonly oltpUrl: string; readonly objectsUrl: string }): EngineStore {
  return {
    rows: async (sql) => {
      const connection = await createConnection(oltpUrl)
      try {
        const [rows] = await connection.query<RowDataPacket[]>(sql)
        return rows
      } finally {
        await connection.end()
      }
    },
    object: async (name) => {
      const objects = await openS3Objects(objectsUrl)
      try {
        const bytes = await objects.get(name)
        if (bytes === null) throw new Error(`the bucket has no object ${name}`)
        return bytes
      } finally {
        await objects.close()
      }
    },
  }
}
