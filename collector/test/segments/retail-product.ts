import { connectControl } from '../../src/control-client.ts'
import { testKeys } from '../collector-process.ts'
import type { RetailProduct } from './retail-questions.ts'

/** Asks a running collector as its users do. */
export function productAt(url: string, data: string): RetailProduct {
  return {
    count: async (definition) => {
      const response = await fetch(`${url}/v1/segments/preview`, {
        method: 'POST', body: JSON.stringify({ definition, at: '2012-01-01T00:00:00.000Z' }),
        headers: { authorization: `Bearer ${testKeys.secretKey}`, 'content-type': 'application/json' },
      })
      const body: unknown = await response.json()
      if (!response.ok) throw new Error(`a preview answered ${response.status}: ${JSON.stringify(body)}`)
      return Number(Reflect.get(Object(body), 'count'))
    },
    sql: async (text) => {
      const control = await connectControl(data)
      return String(await control?.call('sql', { sql: text, format: 'TSV' })).trim()
    },
  }
}
