// Tracks into a queue directory, prints the id of each accepted event, and stays. Arguments: host, directory, events, a prefix of ids.
import { Millrace } from '../../src/index.ts'

const [host = '', queueDir = '', events = '0', prefix = ''] = process.argv.slice(2)
try {
  const client = new Millrace({ writeKey: 'wk', host, queueDir, flushAt: 10 })
  for (let index = 0; index < Number(events); index += 1) {
    const result = client.track({ userId: 'u', event: 'Order Completed', messageId: `${prefix}${index}` })
    if (result.ok) process.stdout.write(`${result.messageId}\n`)
  }
  process.stdout.write('all tracked\n')
  setInterval(() => {}, 60_000)
} catch (error) {
  process.stdout.write(`failed: ${String(error)}\n`)
}
