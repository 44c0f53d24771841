import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { pulsarToken } from '../../../../../scripts/engines/pulsar.ts'
import { take, textOf } from '../../../../test/contracts/log-contract.ts'
import { pulsarLogSuite } from '../../../../test/contracts/pulsar-log-suite.ts'
import { startNativePulsar } from '../../../../test/native-pulsar.ts'
import { systemClock } from '../../../platform/clock.ts'
import { openPulsarReader, openPulsarWriter } from '../pulsar-log.ts'

const engine = await startNativePulsar({ tokens: true })

if ('missing' in engine) {
  it.skip(`pulsar by the native client: ${engine.missing}`, () => {})
} else {
  it('the native client speaks TLS with a certificate that is named', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-pulsar-'))
    const url = `${engine.nativeTlsUrl.replace(/millrace(?=\?)/, `tls-${randomUUID()}`)}&trustFile=${encodeURIComponent(engine.certificate)}`
    const settings = { token: pulsarToken('admin'), partitions: 1, clock: systemClock, report: () => {} }
    const writer = await openPulsarWriter(url, { ...settings, directory, notBefore: null })
    await writer.append(0, Buffer.from('secret'), 1)
    const reader = await openPulsarReader(url, settings)
    expect((await take(await reader.open(0, null), 1)).map(textOf)).toEqual(['secret'])
    await Promise.all([writer.close(), reader.close()])
    rmSync(directory, { recursive: true })
  })

  it('the native client gives what came before the event loop had time for its reader', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-pulsar-'))
    const partitions = 8
    const url = engine.url.replace(/millrace(?=\?)/, `busy-${randomUUID()}`)
    const settings = { token: pulsarToken('admin'), partitions, clock: systemClock, report: () => {} }
    const writer = await openPulsarWriter(url, { ...settings, directory, notBefore: null })
    const all = Array.from({ length: partitions }, (_, partition) => partition)
    const positions = await Promise.all(all.flatMap((partition) => ['first', 'second', 'third'].map((text) => writer.append(partition, Buffer.from(text), 1))))
    const reader = await openPulsarReader(url, settings)
    // From the beginning, after the first message of a ledger, and after a later one.
    for (const [after, expected] of [[null, ['first', 'second', 'third']], [0, ['second', 'third']], [1, ['third']]] as const) {
      const found = all.map(async (partition) => (await take(await reader.open(partition, after === null ? null : (positions[partition * 3 + after] ?? null)), expected.length)).map(textOf))
      // The threads of the client go on meanwhile.
      for (let turn = 0; turn < 40; turn += 1) {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
        await new Promise((resolve) => setImmediate(resolve))
      }
      expect(await Promise.all(found)).toEqual(all.map(() => expected))
    }
    await Promise.all([writer.close(), reader.close()])
    rmSync(directory, { recursive: true })
  })

  pulsarLogSuite('pulsar by the native client', { engine, url: engine.url, recordBytesMax: 5_232_640 })
}
