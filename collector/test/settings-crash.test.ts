import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { connectControl } from '../src/control-client.ts'
import { CollectorProcess, testKeys } from './collector-process.ts'
import { readJson, untilAtRest } from './read-side.ts'

/** Each a visitor with two addresses: three identifiers, so that a walk takes several steps. */
const visitors = 600
/** At one step after the other, whichever process is there by then. */
const broken = ['kill-before@6', 'kill-after@7', 'throw@3', 'outcome-unknown@4'].map((how) => `settings.resolve=${how}`)

const data = mkdtempSync(join(tmpdir(), 'millrace-settings-crash-'))
const journal = mkdtempSync(join(tmpdir(), 'millrace-settings-journal-'))
const collector = new CollectorProcess(data, ['--object-delay-ms', '50', '--load-delay-ms', '50'])

beforeAll(async () => {
  collector.environment = { MILLRACE_FAIL_POINTS: broken.join(','), MILLRACE_FAIL_POINTS_JOURNAL: journal }
  await collector.start()
}, 60_000)

afterAll(async () => {
  await collector.stop()
  for (const directory of [data, journal]) rmSync(directory, { recursive: true })
}, 60_000)

async function persons(): Promise<readonly string[]> {
  const control = await connectControl(data)
  return String(await control?.call('sql', { sql: 'select distinct toString(profile_id) from events order by 1', format: 'TSV' })).trim().split('\n')
}

/** Whatever is being broken, it only has to succeed in the end. */
async function setUntilSolved(identity: object): Promise<void> {
  const deadline = performance.now() + 60_000
  for (let set = false; ;) {
    try {
      const headers = { authorization: `Bearer ${testKeys.secretKey}` }
      set ||= (await fetch(`${collector.url}/v1/settings`, { method: 'PUT', headers, body: JSON.stringify({ identity }) })).status === 200
      if (set && Reflect.get(Object((await readJson(collector.url, '/v1/settings', testKeys.secretKey)).body), 'resolving') === null) return
    } catch (error) {
      if (performance.now() > deadline) throw error
    }
    if (performance.now() > deadline) throw new Error('not solved again after 60 s')
    await sleep(50)
  }
}

it('solves everybody again once, whatever ends in the middle of it', async () => {
  const batch = Array.from({ length: visitors }, (_, visitor) => ['a', 'b'].map((which) => ({
    type: 'identify', messageId: `${visitor}${which}`, timestamp: new Date(Date.UTC(2026, 2, 1, 10) + visitor).toISOString(),
    anonymousId: `visitor-${visitor}`, traits: { email: `${which}${visitor}@example.com` },
  }))).flat()
  const sent = await fetch(`${collector.url}/v1/batch`, {
    method: 'POST', body: JSON.stringify({ batch }), headers: { authorization: `Basic ${Buffer.from(`${testKeys.writeKey}:`).toString('base64')}` },
  })
  expect(sent.status).toBe(200)
  const rest = { accepted: 2 * visitors, withinMs: 60_000 }
  await untilAtRest(() => collector.url, testKeys.secretKey, rest)
  const apart = await persons()
  expect(apart).toHaveLength(2 * visitors)
  await setUntilSolved({ limits: { email: 2 } })
  await untilAtRest(() => collector.url, testKeys.secretKey, rest)
  expect(await persons()).toHaveLength(visitors)
  await setUntilSolved({})
  const status = await untilAtRest(() => collector.url, testKeys.secretKey, rest)
  expect(status.agree).toBe(true)
  expect(await persons()).toEqual(apart)
  expect(readdirSync(journal).filter((name) => name.startsWith('fired-')).toSorted()).toEqual(broken.map((arm) => `fired-${arm}`).toSorted())
}, 180_000)

it('takes settings that the store lost from the archive, with a rebuild', async () => {
  const versions = async (): Promise<unknown> => (await readJson(collector.url, '/v1/settings/versions', testKeys.secretKey)).body
  await setUntilSolved({ limits: { email: 2 } })
  await untilAtRest(() => collector.url, testKeys.secretKey, { accepted: 2 * visitors, withinMs: 60_000 })
  const [before, together] = [await versions(), await persons()]
  await collector.stop()
  const database = new DatabaseSync(join(data, 'oltp', 'millrace.db'))
  database.exec('DELETE FROM workspace_settings')
  database.close()
  await collector.start()
  expect(await versions()).toEqual({ versions: [], next: null })
  const control = await connectControl(data)
  await control?.call('rebuildProfiles', {})
  expect(await versions()).toEqual(before)
  expect(await persons()).toEqual(together)
}, 120_000)
