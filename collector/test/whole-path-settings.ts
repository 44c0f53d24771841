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

  async function ask(method: 'GET' | 'PUT', path: string, { headers = {}, ...sent }: { readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> } = {}): Promise<Answer> {
    const response = await fetch(`${collector.url}${path}`, {
      method, headers: { authorization: `Bearer ${testKeys.secretKey}`, ...headers }, ...('body' in sent ? { body: JSON.stringify(sent.body) } : {}),
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

  async function sendIdentify(part: Json): Promise<void> {
    const response = await fetch(`${collector.url}/v1/identify`, {
      method: 'POST', body: JSON.stringify({ messageId: `i${numbers++}`, ...part }), headers: { authorization: `Basic ${Buffer.from(`${testKeys.writeKey}:`).toString('base64')}` },
    })
    expect(response.status).toBe(200)
    accepted += 1
    await atRest()
  }

  async function rebuild(): Promise<void> {
    const control = await connectControl(data)
    await control?.call('rebuildProfiles', {})
  }

  async function atRest(): Promise<void> {
    await untilAtRest(() => collector.url, testKeys.secretKey, { accepted, withinMs: 30_000 })
  }

  /** Sets the rules of identity, waits until everybody is solved again, and answers the version. */
  async function set(identity: Json): Promise<number> {
    const { status, body } = await ask('PUT', '/v1/settings', { body: { identity } })
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
    return Object.fromEntries(text.trim().split('\n').map((line): readonly [string, string] => {
      const [id = '', count = ''] = line.split('\t')
      return [id, count]
    }))
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
      expect(await groups('1 a b p')).toEqual(['1 a p', 'b'])
      const apart = await Promise.all(['a', 'b'].map(profileOf))
      const before = await counts()
      expect(await set({ limits: { email: 2 } })).toBe(1)
      expect(await groups('1 a b p')).toEqual(['1 a b p'])
      expect(await counts()).toEqual({ [await profileOf('1')]: '5' })
      // Merged away, it answers with the survivor.
      expect((await ask('GET', `/v1/profiles/${apart[1] ?? ''}`)).body).toMatchObject({ mergedFrom: apart[1], profile: { id: apart[0] } })
      expect(await set({ limits: { email: 1 } })).toBe(2)
      expect(await Promise.all(['a', 'b'].map(profileOf))).toEqual(apart)
      expect(await counts()).toEqual(before)
    })

    it('names the version in the merge log, and in the explanation of what it forbids', async () => {
      const id = await profileOf('b')
      const { body } = await ask('GET', `/v1/profiles/${id}/graph`)
      expect(body['merges']).toEqual(expect.arrayContaining([expect.objectContaining({ cause: { metric: 'settings 1', messageId: expect.stringMatching(/^operator:/) } })]))
      const explained = await ask('GET', `/v1/identity/explain?${query('a')}&${query('b')}`)
      expect(explained.body).toMatchObject({ samePerson: false, sentence: expect.stringContaining('has at most 1 email by version 2 of the settings') })
    })

    it('decides later events by the new rules at once, and parts and joins the strangers of a value that is blocked', async () => {
      await send('2+y', 'c+y', '3+z', 'cc+z', 'c+pp', 'cc+pp')
      await set({ limits: { email: 5, externalId: 3 } })
      expect(await groups('2 3 c cc pp')).toEqual(['2 3 c cc pp'])
      await set({ limits: { email: 5, externalId: 3 }, blocked: [{ kind: 'phone', value: numberOf('pp') }] })
      expect(await groups('2 c 3 cc pp')).toEqual(['2 c', '3 cc', 'pp'])
      expect((await ask('GET', `/v1/identity/explain?${query('c')}&${query('cc')}`)).body).toMatchObject({
        samePerson: false, rejected: { hindrance: { rule: 'blocked' } }, sentence: expect.stringContaining('version 4 of the settings blocks phone'),
      })
      // It belongs to whom else it names.
      await send('pp+zz')
      expect(await groups('pp zz')).toEqual(['pp', 'zz'])
      expect(await counts()).toMatchObject({ [await profileOf('zz')]: '1' })
      await set({ limits: { email: 5, externalId: 3 } })
      expect(await groups('2 3 c cc pp zz')).toEqual(['2 3 c cc pp zz'])
    })

    it('refuses a change that was made from another version, and what breaks a rule, by its name', async () => {
      const { body: { settings } } = await ask('GET', '/v1/settings')
      const shown: Json = Object(settings)
      expect(shown).toMatchObject({ version: 5, since: expect.any(String) })
      const old = { status: 409, body: { success: false, error: { code: 'version_conflict', retryable: false } } }
      expect(await ask('PUT', '/v1/settings', { body: { version: 4, identity: {} } })).toMatchObject(old)
      expect(await ask('PUT', '/v1/settings', { body: { identity: {} }, headers: { 'if-match': '"4"' } })).toMatchObject(old)
      for (const [body, message] of [
        [{ identity: { limits: { phone: 0 } } }, /^identity\.limits\.phone must be a whole number from 1 to 100000$/], [{ limits: {} }, /^the settings has no field "limits"/],
        [[], /must be an object/], [{ version: 'five' }, /^version must be/],
      ] as const) {
        const answer = await ask('PUT', '/v1/settings', { body })
        expect(answer).toMatchObject({ status: 400, body: { error: { code: 'bad_request', message: expect.stringMatching(message) } } })
      }
      // What is so already makes no version; as it was shown it may be sent.
      expect(await ask('PUT', '/v1/settings', { body: shown, headers: { 'if-match': '"5"' } })).toMatchObject({ status: 200, etag: '"5"', body: { settings: { version: 5 } } })
      expect(await ask('GET', '/v1/settings/versions?limit=2')).toMatchObject({ status: 200, body: { versions: [{ version: 5 }, { version: 4, identity: { blocked: [{ kind: 'phone' }] } }], next: 4 } })
      expect(await ask('GET', '/v1/settings/versions?before=2')).toMatchObject({ body: { versions: [{ version: 1, identity: { limits: { email: 2 } } }], next: null } })
      expect(await ask('GET', '/v1/settings/versions/1')).toMatchObject({ status: 200, body: { settings: { version: 1 } } })
      expect((await ask('GET', '/v1/settings/versions/9')).status).toBe(404)
      const unknown = await fetch(`${collector.url}/v1/settings`, { headers: { authorization: `Bearer ${testKeys.writeKey}` } })
      expect(unknown.status).toBe(401)
    })

    it('reads phone numbers by the region from then on, and earlier ones after a rebuild', async () => {
      await sendIdentify({ anonymousId: 'u-early', traits: { phone: '020 7946 0999' } })
      const { body } = await ask('PUT', '/v1/settings', { body: { identity: { region: 'GB' } } })
      expect(body).toMatchObject({ note: expect.stringContaining('rebuild profiles') })
      await solved()
      await sendIdentify({ anonymousId: 'u-late', traits: { phone: '020 7946 0999' } })
      const phone = 'phone=020%207946%200999'
      const found = async (): Promise<unknown> => Reflect.get(Object(Reflect.get(Object((await ask('GET', `/v1/profiles?${phone}`)).body['profile']), 'identifiers')), 'anonymousId')
      expect(await found()).toEqual(['u-late'])
      await rebuild()
      expect(await found()).toEqual(expect.arrayContaining(['u-early', 'u-late']))
      // An event that was decided to be the number's own stays with it, or erasing its person would not find it.
      await sendIdentify({ traits: { phone: '020 7946 0777' } })
      await set({ region: 'DE' })
      await rebuild()
      const { status, body: card } = await ask('GET', '/v1/profiles?phone=%2B442079460777')
      expect([status, card]).toMatchObject([200, { profile: { metrics: { identify: { count: 1 } } } }])
      expect(await counts()).toMatchObject({ [String(Reflect.get(Object(card['profile']), 'id'))]: '1' })
      await set({ region: 'GB' })
      await rebuild()
    })

    it('takes the spellings of one mailbox for one person while it is told to', async () => {
      const say = async (email: string): Promise<void> => sendIdentify({ anonymousId: `u-${email}`, traits: { email } })
      const sameMailbox = async (): Promise<boolean> => {
        const [one, other] = await Promise.all(['jane.doe@gmail.com', 'janedoe+news@gmail.com'].map(async (email) =>
          String(Reflect.get(Object((await ask('GET', `/v1/profiles?email=${encodeURIComponent(email)}`)).body['profile']), 'id'))))
        return one === other
      }
      await say('jane.doe@gmail.com')
      await say('janedoe+news@gmail.com')
      expect(await sameMailbox()).toBe(false)
      const { body } = await ask('PUT', '/v1/settings', { body: { identity: { region: 'GB', foldEmailAliases: true } } })
      expect(body).toMatchObject({ note: expect.stringMatching(/^foldEmailAliases holds for addresses of events from now on, .* rebuild profiles/) })
      await solved()
      expect(await sameMailbox()).toBe(false)
      await say('jane.doe@gmail.com')
      await say('janedoe+news@gmail.com')
      expect(await sameMailbox()).toBe(true)
      await set({ region: 'GB', foldEmailAliases: false })
      expect(await sameMailbox()).toBe(false)
      await set({ region: 'GB', foldEmailAliases: true })
      expect(await sameMailbox()).toBe(true)
    })

    it('makes the same people again from the archive, the settings too', async () => {
      const names = '1 2 3 a b c cc p pp x y z zz'
      const people = async (): Promise<unknown> => Promise.all(names.split(' ').map(profileOf))
      await set({ region: 'GB', foldEmailAliases: true, limits: { email: 1 }, blocked: [{ emailDomain: 'example.com' }], fanOutMax: 2 })
      const before = await people()
      const counted = await counts()
      const versions = (await ask('GET', '/v1/settings/versions')).body
      await rebuild()
      expect(await people()).toEqual(before)
      const control = await connectControl(data)
      await control?.call('rebuildOlap', {})
      expect(await counts()).toEqual(counted)
      expect((await ask('GET', '/v1/settings/versions')).body).toEqual(versions)
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
