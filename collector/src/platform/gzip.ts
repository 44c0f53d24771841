import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'

/** Compression as an argument, so that a test can say when it is done. */
export interface Gzip {
  /** At a pinned level. */
  compress(bytes: Uint8Array): Promise<Buffer>
  expand(bytes: Uint8Array): Promise<Buffer>
}

const compress = promisify(gzip)

/** On Node's pool of threads. */
export const threadedGzip: Gzip = {
  compress: (bytes) => compress(bytes, { level: 5 }),
  expand: promisify(gunzip),
}
