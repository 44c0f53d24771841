import { existsSync, readFileSync } from 'node:fs'
import { controlFile } from './control-server.ts'
import { textField } from './administration.ts'
import { type ErrorCode, errorCodes, MillraceError } from './platform/errors.ts'

/** Codes that a command hands on; anything else that cannot succeed later is a bad request to whoever asked. */
const shownCodes: ReadonlySet<ErrorCode> = new Set(['bad_query', 'not_found'])

export interface ControlClient {
  call(method: string, params: unknown): Promise<unknown>
}

/** The running collector of a data directory; null if none runs. A file left by a killed collector counts as none. */
export async function connectControl(dataDirectory: string): Promise<ControlClient | null> {
  const path = controlFile(dataDirectory)
  if (!existsSync(path)) return null
  const file: unknown = JSON.parse(readFileSync(path, 'utf8'))
  const url = textField(file, 'url')
  const token = textField(file, 'token')
  const call = async (method: string, params: unknown): Promise<unknown> => {
    const response = await fetch(`${url}/${method}`, {
      method: 'POST', headers: { authorization: `Bearer ${token}` }, body: JSON.stringify(params),
    })
    const body: unknown = await response.json()
    if (response.ok) return Reflect.get(Object(body), 'value')
    const code = Reflect.get(Object(body), 'code')
    const retryable = Reflect.get(Object(body), 'retryable') === true
    throw new MillraceError(errorCodes.find((known) => known === code && (retryable || shownCodes.has(known))) ?? 'bad_request', textField(body, 'message'), { retryable })
  }
  try {
    await call('ping', {})
    return { call }
  } catch {
    return null
  }
}
