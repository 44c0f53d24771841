// A cluster of two processes, each with a client of its own. Argument: host.
import cluster from 'node:cluster'
import { Millrace } from '../../src/index.ts'

const [host = ''] = process.argv.slice(2)
if (cluster.isPrimary) {
  for (const name of ['a', 'b']) cluster.fork({ NAME: name })
} else {
  const client = new Millrace({ writeKey: 'wk', host, flushInterval: 60_000 })
  for (let index = 0; index < 50; index += 1) client.track({ userId: 'u', event: 'Order Completed', messageId: `${process.env['NAME']}${index}` })
  await client.close()
  cluster.worker?.disconnect()
}
