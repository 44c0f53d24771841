import { randomUUID } from 'node:crypto'

/** The URL of a place of its own (database, topic, prefix) in an engine that others use too. */
export function ownPlace(url: string): string {
  if (url.startsWith('mysql:')) return url.replace(/[^/]+$/, `m_${randomUUID().replaceAll('-', '')}`)
  if (url.startsWith('kafka:')) return `${url}/path-${randomUUID()}`
  if (url.startsWith('pulsar')) return url.replace(/millrace(?=$|\?)/, `path-${randomUUID()}`)
  return url.startsWith('s3:') ? url.replace(/(s3:\/\/[^/?]+)/, `$1/${randomUUID()}`) : url
}
