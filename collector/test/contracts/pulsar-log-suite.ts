import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { WebSocket } from 'ws'
import { pulsarToken, type StartedPulsar } from '../../../scripts/engines/pulsar.ts'
import { openPulsarReader, openPulsarWriter } from '../../src/log/pulsar/pulsar-log.ts'
import { systemClock } from '../../src/platform/clock.ts'
import type { LogReader, LogWriter } from '../../src/ports/log.ts'
import { brokerLogContract, type OpenSettings } from './broker-log-contract.ts'
import { logContract } from './log-contract.ts'

export interface PulsarUnderTest {
  /** Started with `tokens`: what a shop runs, and one way more to fail. */
  readonly engine: StartedPulsar
  /** Of the transport, ending with the topic `millrace`. */
  readonly url: string
  readonly recordBytesMax: number
}

/** Both contracts of the log on one transport of Pulsar. Stops the engine at the end. */
export function pulsarLogSuite(name: string, { engine, url, recordBytesMax }: PulsarUnderTest): void {
  const directories: string[] = []
  const urlOf = (topic: string): string => url.replace(/millrace(?=$|\?)/, topic)
  const settings = { token: pulsarToken('admin'), clock: systemClock, report: () => {} }
  /** Each with the data directory of an edge process of its own. */
  const openWriter = (topic: string, { partitions, appendTimeoutMs }: OpenSettings, token = pulsarToken('admin')): Promise<LogWriter> => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-pulsar-'))
    directories.push(directory)
    return openPulsarWriter(urlOf(topic), { ...settings, partitions, token, directory, appendTimeoutMs, notBefore: null })
  }
  const openReader = (topic: string, { partitions }: Pick<OpenSettings, 'partitions'>): Promise<LogReader> => openPulsarReader(urlOf(topic), { ...settings, partitions })

  afterAll(() => {
    for (const directory of directories) rmSync(directory, { recursive: true, force: true })
  })

  logContract(name, async () => {
    const topic = `contract-${randomUUID()}`
    const writer = await openWriter(topic, { partitions: 3, appendTimeoutMs: 10_000 })
    const reader = await openReader(topic, { partitions: 3 })
    return {
      writer, reader,
      openReader: () => openReader(topic, { partitions: 3 }),
      cleanup: async () => {
        await writer.close()
        await reader.close()
      },
    }
  })

  brokerLogContract(name, {
    engine, openWriter, openReader, recordBytesMax,
    openWithWrongPassword: (topic, settings) => openWriter(topic, settings, `${pulsarToken('admin')}x`),
    makeForeign: (topic, partitions) => makeForeign(engine.adminUrl, topic, partitions),
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
