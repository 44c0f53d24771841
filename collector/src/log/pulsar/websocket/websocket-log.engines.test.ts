import { it } from 'vitest'
import { startPulsar } from '../../../../../scripts/engines/pulsar.ts'
import { pulsarLogSuite } from '../../../../test/contracts/pulsar-log-suite.ts'

const engine = await startPulsar({ tokens: true })

if ('missing' in engine) it.skip(`pulsar: ${engine.missing}`, () => {})
// The starter lets frames be 4 MiB long; three quarters of that are payload.
else pulsarLogSuite('pulsar by WebSocket', { engine, url: engine.url, recordBytesMax: 3_144_960 })
