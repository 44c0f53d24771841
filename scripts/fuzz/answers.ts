/** One HTTP answer, taken apart strictly. */
export interface HttpAnswer {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly body: Buffer
}

export interface Taken {
  readonly answer: HttpAnswer
  readonly rest: Buffer
}

/**
 * Takes the first answer off the bytes; null where it is not whole yet. Fails where it is no well-formed answer.
 * `closed` says that nothing more comes, which ends a body without a length.
 */
export function takeAnswer(bytes: Buffer, method: string, closed: boolean): Taken | null {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) {
    if (bytes.length > 65_536 || (closed && bytes.length > 0)) throw new Error(`an answer without an end of its headers: ${bytes.subarray(0, 200).toString('latin1')}`)
    return null
  }
  const [first = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n')
  const status = Number(/^HTTP\/1\.1 ([1-5]\d\d) [\x20-\x7e]*$/.exec(first)?.[1] ?? Number.NaN)
  if (Number.isNaN(status)) throw new Error(`no status line: ${JSON.stringify(first)}`)
  const headers = new Map(lines.map(headerOf))
  const start = end + 4
  if (status === 100) return bytes.length === start && closed ? null : takeAnswer(bytes.subarray(start), method, closed)
  // To what could not be read as a request an answer has a body, whatever was asked.
  if ((method === 'HEAD' && (headers.get('connection') !== 'close' || bytes.length === start)) || status === 204 || status === 304) return { answer: { status, headers, body: Buffer.alloc(0) }, rest: bytes.subarray(start) }
  if (headers.get('transfer-encoding') === 'chunked') return takeChunks({ status, headers }, bytes.subarray(start), closed)
  const length = Number(headers.get('content-length') ?? Number.NaN)
  if (Number.isNaN(length)) throw new Error(`an answer with neither length nor chunks: ${first}`)
  if (bytes.length < start + length) {
    if (closed) throw new Error(`an answer that is cut off: ${first}`)
    return null
  }
  return { answer: { status, headers, body: bytes.subarray(start, start + length) }, rest: bytes.subarray(start + length) }
}

function headerOf(line: string): readonly [string, string] {
  const match = /^([!#$%&'*+\-.^_`|~\w]+):[ \t]*([\x20-\x7e\x80-\xff]*)$/.exec(line)
  if (match?.[1] === undefined || match[2] === undefined) throw new Error(`no header: ${JSON.stringify(line)}`)
  return [match[1].toLowerCase(), match[2]]
}

function takeChunks(head: Omit<HttpAnswer, 'body'>, bytes: Buffer, closed: boolean): Taken | null {
  const pieces: Buffer[] = []
  for (let at = 0; ;) {
    const lineEnd = bytes.indexOf('\r\n', at)
    const size = lineEnd < 0 ? Number.NaN : Number.parseInt(bytes.subarray(at, lineEnd).toString('latin1'), 16)
    if (lineEnd < 0 || bytes.length < lineEnd + 4 + size) {
      if (closed) throw new Error('an answer in chunks that is cut off')
      return null
    }
    if (Number.isNaN(size)) throw new Error('a chunk without its size')
    if (size === 0) return { answer: { ...head, body: Buffer.concat(pieces) }, rest: bytes.subarray(lineEnd + 4) }
    pieces.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size))
    at = lineEnd + 2 + size + 2
  }
}

/** SDKs know what to do with the first ones; the others are for people and proxies. */
const allowed: ReadonlySet<number> = new Set([200, 201, 204, 304, 400, 401, 404, 405, 413, 417, 429])

/** What is wrong with the answer; null if nothing is. */
export function faultOf({ status, headers, body }: HttpAnswer, method: string): string | null {
  if (!allowed.has(status)) return `status ${status}: ${body.subarray(0, 300).toString()}`
  if (status === 417) return null
  if (headers.get('content-type')?.startsWith('application/json') !== true || method === 'HEAD') return null
  if (headers.get('x-content-type-options') !== 'nosniff') return 'a JSON answer without nosniff'
  if (status === 204 || status === 304) return null
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf8', { fatal: true }).decode(body))
    const success: unknown = Reflect.get(Object(value), 'success')
    const code: unknown = Reflect.get(Object(Reflect.get(Object(value), 'error')), 'code')
    return status >= 400 && (success !== false || typeof code !== 'string') ? `an error without the shape of errors: ${body.toString()}` : null
  } catch (error) {
    return `a body that is no JSON (${String(error)}): ${body.subarray(0, 300).toString()}`
  }
}

const allowedOfControl: ReadonlySet<number> = new Set([200, 400, 401, 413, 417])

/** What is wrong with an answer of the control port. `internal` is an error that nobody thought of, whatever the status says. */
export function controlFaultOf({ status, headers, body }: HttpAnswer, method: string): string | null {
  if (!allowedOfControl.has(status)) return `status ${status}: ${body.subarray(0, 300).toString()}`
  if (status === 417 || method === 'HEAD') return null
  const shown = body.subarray(0, 300).toString()
  if (headers.get('content-type') !== 'application/json') return `an answer that is not said to be JSON: ${shown}`
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf8', { fatal: true }).decode(body))
    const { code, message }: { readonly code?: unknown; readonly message?: unknown } = Object(value)
    if (code === 'internal') return `an internal error: ${shown}`
    const isError = typeof code === 'string' && typeof message === 'string'
    return Array.isArray(value) || typeof value !== 'object' || isError !== status >= 400 ? `an answer without the shape of answers: ${shown}` : null
  } catch (error) {
    return `a body that is no JSON (${String(error)}): ${shown}`
  }
}
