import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, it } from 'vitest'
import { WebSocket } from 'ws'
import { pulsarToken, startPulsar } from '../../../../scripts/engines/pulsar.ts'
import { brokerLogContract, type OpenSettings } from '../../../test/contracts/broker-log-contract.ts'
import { logContract } from '../../../test/contracts/log-contract.ts'
import { systemClock } from '../../platform/clock.ts'
import type { LogWriter } from '../../ports/log.ts'
import { openPulsarReader, openPulsarWriter } from './pulsar-log.ts'

// A broker that asks for tokens: what a shop runs, and one way more to fail.
const engine = await startPulsar({ tokens: true })
const directories: string[] = []

/** The data directory of one edge process. */
function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-pulsar-'))
  directories.push(directory)
  return directory
}

if ('missing' in engine) {
  it.skip(`pulsar: ${engine.missing}`, () => {})
} else {
  const optionsOf = (topic: string, partitions: number) => ({
    url: engine.url.replace(/millrace$/, topic), token: pulsarToken('admin'), partitions, clock: systemClock, report: () => {},
  })
  const openWriter = (topic: string, { partitions, appendTimeoutMs }: OpenSettings): Promise<LogWriter> =>
    openPulsarWriter({ ...optionsOf(topic, partitions), directory: newDirectory(), appendTimeoutMs })

  afterAll(() => {
    for (const directory of directories) rmSync(directory, { recursive: true, force: true })
  })

  logContract('pulsar by WebSocket', async () => {
    const topic = `contract-${randomUUID()}`
    const writer = await openWriter(topic, { partitions: 3, appendTimeoutMs: 10_000 })
    const reader = await openPulsarReader(optionsOf(topic, 3))
    return {
      writer, reader,
      openReader: () => openPulsarReader(optionsOf(topic, 3)),
      cleanup: async () => {
        await writer.close()
        await reader.close()
      },
    }
  })

  brokerLogContract('pulsar by WebSocket', {
    engine, openWriter,
    openReader: (topic, { partitions }) => openPulsarReader(optionsOf(topic, partitions)),
    openWithWrongPassword: (topic, { partitions, appendTimeoutMs }) =>
      openPulsarWriter({ ...optionsOf(topic, partitions), token: `${pulsarToken('admin')}x`, directory: newDirectory(), appendTimeoutMs }),
    makeForeign: (topic, partitions) => makeForeign(engine.adminUrl, topic, partitions),
    recordBytesMax: 3_144_960,
    deletesAtOnce: false,
  })
}

/** As a program that knows nothing of Millrace would: a topic, and a message in each partition. */
async function makeForeign(adminUrl: string, topic: string, partitions: number): Promise<void> {
  const headers = { authorization: `Bearer ${pulsarToken('admin')}` }
  const path = `persistent/public/default/${topic}`
  const made = await fetch(`${adminUrl}/admin/v2/${path}/partitions`, { method: 'PUT', headers: { ...headers, 'content-type': 'application/json' }, body: String(partitions) })
  if (!made.ok) throw new Error(`the topic ${topic} was not made: ${made.status}`)
  for (let partition = 0; partition < partitions; partition += 1) {
    const socket = new WebSocket(`${adminUrl.replace('http', 'ws')}/ws/v2/producer/${path}-partition-${partition}`, { headers })
    await once(socket, 'open')
    socket.send(JSON.stringify({ payload: Buffer.from('foreign').toString('base64') }))
    await once(socket, 'message')
    socket.close()
  }
}
