import type { Context } from 'hono'
import { MillraceError } from '../platform/errors.ts'

/**
 * The body of a request to the read side. Fails with `body_too_large` as soon as there is more than `bytesMax`, and with
 * `bad_body` where the client goes away within it; a client that stalls is cut off by the server.
 */
export async function bodyText(context: Context, bytesMax: number): Promise<string> {
  const tooLarge = (): MillraceError => new MillraceError('body_too_large', `the body may have at most ${bytesMax} bytes`)
  if (Number(context.req.header('content-length') ?? 0) > bytesMax) throw tooLarge()
  const pieces: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of context.req.raw.body ?? []) {
      const piece = Buffer.from(chunk)
      bytes += piece.length
      if (bytes > bytesMax) throw tooLarge()
      pieces.push(piece)
    }
  } catch (error) {
    if (error instanceof MillraceError) throw error
    throw new MillraceError('bad_body', 'the connection ended within the body', { cause: error })
  }
  return Buffer.concat(pieces).toString('utf8')
}
