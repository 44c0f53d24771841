import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { CollectorProcess, testKeys } from './collector-process.ts'
import { readJson, untilAtRest } from './read-side.ts'

test('what is in quarantine is shown, and sent again once what refused it is mended', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-quarantine-'))
  const data = join(directory, 'data')
  const collector = new CollectorProcess(data, ['--object-delay-ms', '50', '--load-delay-ms', '50'])
  const atRest = (accepted: number): ReturnType<typeof untilAtRest> => untilAtRest(() => collector.url, testKeys.secretKey, { accepted, withinMs: 30_000 })
  const millrace = (...words: string[]): string =>
    execFileSync(process.execPath, [fileURLToPath(new URL('../src/main.ts', import.meta.url)), ...words, '--data', data], { encoding: 'utf8' })
  try {
    await collector.start()
    const batch = [
      { type: 'track', messageId: 'nameless', userId: 'c-1' },
      { type: 'track', event: 'Seen', messageId: 'nobody' },
      { type: 'track', event: 'Seen', messageId: 'fine', userId: 'c-1', timestamp: '2026-01-02T03:04:05.000Z' },
    ]
    const sent = await fetch(`${collector.url}/v1/batch`, { method: 'POST', body: JSON.stringify({ batch }), headers: { 'content-type': 'application/json', 'x-write-key': testKeys.writeKey } })
    expect(sent.status).toBe(200)
    expect(await atRest(3)).toMatchObject({ totals: { stored: 1, dropped: { quarantined: 2 } } })
    const listed = millrace('quarantine')
    expect(listed).toContain('missing_event_name')
    expect(listed).toContain('"nobody"')
    expect(millrace('quarantine', 'replay')).toBe('sent again: 0; still refused: missing_event_name 1, missing_identifier 1\n')
    await collector.stop()
    // As a defect of an earlier version would have left it.
    const database = new DatabaseSync(join(data, 'oltp/millrace.db'))
    database.prepare('UPDATE quarantine SET reason = ?, event = ? WHERE message_id = ?').run(
      'internal_error', JSON.stringify({ messageId: 'nameless', type: 'track', event: 'Found', userId: 'c-1', timestamp: '2026-01-02T03:04:05.000Z' }), 'nameless')
    database.close()
    await collector.start()
    const page = await readJson(collector.url, '/v1/quarantine?reason=internal_error', testKeys.secretKey)
    expect(page.body).toMatchObject({ events: [{ messageId: 'nameless', reason: 'internal_error', event: { event: 'Found' } }], next: null })
    expect((await readJson(collector.url, '/v1/quarantine?reason=none', testKeys.secretKey)).status).toBe(400)
    for (const times of [1, 2]) expect(millrace('quarantine', 'replay', '--reason', 'internal_error'), String(times)).toContain('sent again: 1')
    expect(await atRest(5)).toMatchObject({ agree: true, totals: { stored: 2, archived: 2, loaded: 2, dropped: { duplicate: 1 } } })
    expect((await readJson(collector.url, '/v1/receipts/replay%3Anameless', testKeys.secretKey)).body).toMatchObject({ state: 'loaded' })
  } finally {
    await collector.stop()
    rmSync(directory, { recursive: true })
  }
})

test('what its sender mends and sends again under the same message id is stored, once, and not by a replay as well', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-mended-'))
  const data = join(directory, 'data')
  const collector = new CollectorProcess(data, ['--object-delay-ms', '50', '--load-delay-ms', '50'])
  const bad = { type: 'track', messageId: 'order-1', userId: 'c-1' }
  const good = { ...bad, event: 'Order Completed', timestamp: '2026-01-02T03:04:05.000Z' }
  const send = async (batch: readonly object[]): Promise<readonly string[]> => {
    const answer = await fetch(`${collector.url}/v1/batch`, { method: 'POST', body: JSON.stringify({ batch }), headers: { 'content-type': 'application/json', 'x-write-key': testKeys.writeKey } })
    const results: unknown = Reflect.get(Object(await answer.json()), 'results')
    return Array.isArray(results) ? results.map((each: unknown) => String(Reflect.get(Object(each), 'result'))) : []
  }
  const atRest = (accepted: number): ReturnType<typeof untilAtRest> => untilAtRest(() => collector.url, testKeys.secretKey, { accepted, withinMs: 30_000 })
  const receipt = async (): Promise<unknown> => (await readJson(collector.url, '/v1/receipts/order-1', testKeys.secretKey)).body
  try {
    await collector.start()
    expect(await send([bad, bad])).toEqual(['quarantined', 'duplicate'])
    expect(await atRest(2)).toMatchObject({ totals: { stored: 0, dropped: { quarantined: 1, duplicate: 1 } } })
    expect(await receipt()).toMatchObject({ state: 'dropped', reason: 'missing_event_name' })
    expect(await send([bad])).toEqual(['quarantined'])
    expect(await send([good])).toEqual(['ok'])
    expect(await atRest(4)).toMatchObject({ agree: true, totals: { stored: 1, archived: 1, loaded: 1, dropped: { quarantined: 1, duplicate: 2 } } })
    expect(await receipt()).toMatchObject({ state: 'loaded' })
    await send([good])
    await send([bad])
    expect(await atRest(6)).toMatchObject({ agree: true, totals: { stored: 1, archived: 1, loaded: 1, dropped: { quarantined: 1, duplicate: 4 } } })
    expect(execFileSync(process.execPath, [fileURLToPath(new URL('../src/main.ts', import.meta.url)), 'quarantine', 'replay', '--data', data], { encoding: 'utf8' }))
      .toBe('sent again: 0; still refused: stored_since 1\n')
  } finally {
    await collector.stop()
    rmSync(directory, { recursive: true })
  }
})
