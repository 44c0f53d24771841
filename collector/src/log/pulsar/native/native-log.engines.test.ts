import { it } from 'vitest'
import { pulsarLogSuite } from '../../../../test/contracts/pulsar-log-suite.ts'
import { startNativePulsar } from '../../../../test/native-pulsar.ts'

const engine = await startNativePulsar({ tokens: true })

if ('missing' in engine) it.skip(`pulsar by the native client: ${engine.missing}`, () => {})
else pulsarLogSuite('pulsar by the native client', { engine, url: engine.url, recordBytesMax: 5_232_640 })
