import { type PulsarSettings, startPulsar, type StartedPulsar } from '../../scripts/engines/pulsar.ts'
import type { MissingEngine } from '../../scripts/engines/started-engine.ts'
import { loadPulsarPackage } from '../src/log/pulsar/native/pulsar-client.ts'
import { messageOf } from '../src/platform/errors.ts'

/** A broker whose `url` asks for the native client; missing where that client is not whole. */
export async function startNativePulsar(settings: PulsarSettings = {}): Promise<StartedPulsar | MissingEngine> {
  try {
    await loadPulsarPackage()
  } catch (error) {
    return { missing: messageOf(error) }
  }
  const engine = await startPulsar(settings)
  return 'missing' in engine ? engine : { ...engine, url: engine.nativeUrl }
}
