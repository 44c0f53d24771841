import { it } from 'vitest'
import { startPulsar } from '../../../../../scripts/engines/pulsar.ts'
import type { MissingEngine } from '../../../../../scripts/engines/started-engine.ts'
import { pulsarLogSuite } from '../../../../test/contracts/pulsar-log-suite.ts'
import { messageOf } from '../../../platform/errors.ts'
import { loadPulsarPackage } from './pulsar-client.ts'

const engine = (await missingClient()) ?? (await startPulsar({ tokens: true }))

if ('missing' in engine) it.skip(`pulsar by the native client: ${engine.missing}`, () => {})
else pulsarLogSuite('pulsar by the native client', { engine, url: engine.nativeUrl, recordBytesMax: 5_232_640 })

async function missingClient(): Promise<MissingEngine | null> {
  try {
    await loadPulsarPackage()
    return null
  } catch (error) {
    return { missing: messageOf(error) }
  }
}
