import { Millrace } from '../../src/index.ts'

const [host = '', name = ''] = process.argv.slice(2)
const client = new Millrace({ writeKey: 'wk', host, flushInterval: 60_000 })
for (let index = 0; index < 50; index += 1) client.track({ userId: 'u', event: 'Order Completed', messageId: `${name}${index}` })
