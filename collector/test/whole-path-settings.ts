import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connectControl } from '../src/control-client.ts'
import { CollectorProcess, testKeys } from './collector-process.ts'
import { untilAtRest } from './read-side.ts'
import type { WholePathEngines } from './whole-path.ts'

type Json = Readonly<Record<string, unknown>>

interface Answer {
  readonly status: number
  readonly body: Json
  readonly etag: string | null
}

/** Settings of a workspace from outside, on whatever engines; joins as {@link wholePath} does. */
export function wholePathSettings(name: string, engines: () => Promise<WholePathEngines>): void {
  const data = mkdtempSync(join(tmpdir(), 'millrace-settings-'))
  let collector: CollectorProcess
  let made: WholePathEngines
  let accepted = 0
  let numbers = 0

  async function ask(method: 'GET' | 'PUT', path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const response = await fetch(`${collector.url}${path}`, {
      method, headers: { authorization: `Bearer ${testKeys.secretKey}`, ...headers }, ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return { status: response.status, body: Object(await response.json()), etag: response.headers.get('etag') }
  }

  /** Each text is one event of these identifiers, `1` an account, `a` an e-mail, `p` a phone, anything else a visitor. */
  async function send(...events: readonly string[]): Promise<void> {
    const batch = events.map((names): Json => event(names.split('+'), numbers++))
    const response = await fetch(`${collector.url}/v1/batch`, {
      method: 'POST', body: JSON.stringify({ batch }), headers: { authorization: `Basic ${Buffer.from(`${testKeys.writeKey}:`).toString('base64')}` },
    })
    expect(response.status).toBe(200)
    accepted += batch.length
    await atRest()
  }

  async function atRest(): Promise<void> {
    await untilAtRest(() => collector.url, testKeys.secretKey, { accepted, withinMs: 30_000 })
  }

  /** Sets the rules of identity, waits until everybody is solved again, and answers the version. */
  async function set(identity: Json): Promise<number> {
    const { status, body } = await ask('PUT', '/v1/settings', { identity })
    expect(body).toMatchObject({ settings: { identity } })
    expect(status).toBe(200)
    await solved()
    return Number(Reflect.get(Object(body['settings']), 'version'))
  }

  async function solved(): Promise<void> {
    const deadline = performance.now() + 30_000
    while ((await ask('GET', '/v1/settings')).body['resolving'] !== null) {
      if (performance.now() > deadline) throw new Error('not solved again after 30 s')
      await sleep(20)
    }
    await atRest()
  }

  async function profileOf(name: string): Promise<string> {
    const { status, body } = await ask('GET', `/v1/profiles?${query(name)}`)
    expect(status, name).toBe(200)
    return String(Reflect.get(Object(body['profile']), 'id'))
  }

  /** The named identifiers by profile, in the order named. */
  async function groups(names: string): Promise<readonly string[]> {
    const ids = await Promise.all(names.split(' ').map(async (one) => [one, await profileOf(one)] as const))
    return [...Map.groupBy(ids, ([, id]) => id).values()].map((group) => group.map(([one]) => one).join(' '))
  }

  /** Of each profile in ClickHouse, how many events it has. */
  async function counts(): Promise<Json> {
    const control = await connectControl(data)
    const text = String(await control?.call('sql', { sql: 'select toString(profile_id), toString(count()) from events group by 1 order by 1', format: 'TSV' }))
    return Object.fromEntries(text.trim().split('\n').map((line) => line.split('\t')))
  }

  describe(`settings on the whole path: ${name}`, () => {
    beforeAll(async () => {
      made = await engines()
      collector = new CollectorProcess(data, ['--object-delay-ms', '50', '--load-delay-ms', '50', ...made.flags])
      await collector.start()
    })

    afterAll(async () => {
      const code = await collector.stop()
      await made.cleanup()
      rmSync(data, { recursive: true })
      expect(code).toBe(0)
    })

    it('shows what the installation says until something is set', async () => {
      expect(await ask('GET', '/v1/settings')).toMatchObject({ status: 200, etag: '"0"', body: { resolving: null, settings: {
        version: 0, since: null, identity: { region: null, limits: { externalId: 1, email: 1, phone: 5 }, fanOutMax: 5, blocked: [] },
      } } })
    })

    it('merges people when a limit is raised, and parts them when it is lowered, by the same ids', async () => {
      await send('1+x', 'a+x', 'b+x', 'a+p', 'b+p')
      const apart = await Promise.all(['a', 'b'].map(profileOf))
      expect(await groups('1 a b p')).toEqual(['1 a p', 'b'])
      expect(await set({ limits: { email: 2 } })).toBe(1)
      expect(await groups('1 a b p')).toEqual(['1 a b p'])
      await set({ limits: { email: 1 } })
      expect(await Promise.all(['a', 'b'].map(profileOf))).toEqual(apart)
    })
  })
}

function event(names: readonly string[], number: number): Json {
  const at = (start: RegExp): string | undefined => names.find((one) => start.test(one))
  const [userId, email, phone, anonymousId] = [at(/^\d/), at(/^[a-c]/), at(/^p/), at(/^[u-z]/)]
  return {
    type: 'identify', messageId: `m${number}`, timestamp: new Date(Date.UTC(2026, 2, 1, 10, number)).toISOString(),
    ...(userId === undefined ? {} : { userId }), ...(anonymousId === undefined ? {} : { anonymousId }),
    traits: { ...(email === undefined ? {} : { email: address(email) }), ...(phone === undefined ? {} : { phone: numberOf(phone) }) },
  }
}

function address(name: string): string {
  return `${name}@example.com`
}

function numberOf(name: string): string {
  return `+4420794601${String(name.length).padStart(2, '0')}`
}

function query(name: string): string {
  if (/^\d/.test(name)) return `externalId=${name}`
  if (/^[a-c]/.test(name)) return `email=${address(name)}`
  return name.startsWith('p') ? `phone=${encodeURIComponent(numberOf(name))}` : `anonymousId=${name}`
}
