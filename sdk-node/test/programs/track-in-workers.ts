// The same in two worker threads, each with a client of its own. Argument: host.
import { Worker } from 'node:worker_threads'

for (const name of ['a', 'b']) {
  new Worker(new URL('track-as-worker.ts', import.meta.url), { argv: [process.argv[2], name] })
}
