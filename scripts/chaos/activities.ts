import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { connectControl } from '../../collector/src/control-client.ts'
import type { FailPoint } from '../../collector/src/platform/fail-point.ts'
import { BatchSender } from '../../collector/test/batch-sender.ts'
import { testKeys } from '../../collector/test/collector-process.ts'
import type { ChaosEngines } from './engines.ts'
import type { KeptRunning } from './kept-running.ts'
import { bodiesOf, type Body, type ChaosInput, moreOf } from './input.ts'
import { idIn } from './tiers.ts'

export interface Scene {
  readonly data: string
  /** For files that are not the collector's own. */
  readonly files: string
  readonly name: string
  readonly running: KeptRunning
  readonly sender: BatchSender
  readonly namesakes: Namesakes
  /** Severs the broker from the collector and joins them again; null where the log is embedded. */
  readonly way: ChaosEngines['way']
  /** Message ids that every tier must hold, and that none may; added to by what is done. */
  readonly stored: Set<string>
  readonly erased: Set<string>
  /** Visitors who left a cart; each must be told of by one webhook. */
  readonly carts: Set<string>
}

/** Another workspace, whose people and message ids are called the same and who are others. */
export interface Namesakes {
  readonly workspace: number
  readonly sender: BatchSender
}

/** Does once what passes a point; repeats what was refused or cut off until it is through. */
export type Activity = (scene: Scene, round: number) => Promise<void>

const program = fileURLToPath(new URL('../../collector/src/main.ts', import.meta.url))
const ofTheFile: ReadonlySet<FailPoint> = new Set<FailPoint>(['log.write', 'log.sync', 'log.mark'])
const retryMs = 50
const triesMax = 1_200

/** `spooling`: the log is a broker, so that the embedded one is only passed while that is away. */
export function activityOf(point: FailPoint, spooling: boolean): Activity {
  if (point.startsWith('spool.') || (spooling && ofTheFile.has(point))) return sendWithoutBroker
  if (point.startsWith('import.')) return importFile
  if (point.startsWith('cache.')) return readProfiles
  if (point === 'rebuild.profiles') return rebuildProfiles
  if (point.startsWith('rebuild.')) return rebuild
  if (point === 'settings.resolve') return changeSettings
  if (point.startsWith('erase.') || point === 'log.retention') return erase
  if (point.startsWith('webhook.') || point === 'automation.judge') return leaveCarts
  return sendMore
}

export async function sendInput({ sender, stored }: Scene, { bodies, stored: ids }: ChaosInput): Promise<void> {
  for (const id of ids) stored.add(id)
  await sender.sendAll((async function* () {
    yield* bodies
  })())
}

/** Sends the same events to the other workspace; each is another one there. */
export async function sendToNamesakes({ namesakes, stored }: Scene, bodies: readonly Body[]): Promise<void> {
  for (const { body } of bodies) {
    const { batch }: { readonly batch: readonly { readonly messageId: string }[] } = JSON.parse(body)
    for (const { messageId } of batch) stored.add(idIn(namesakes.workspace, messageId))
    await namesakes.sender.send({ body, events: batch.length })
  }
}

export async function setUpNamesakes({ running, data }: Pick<Scene, 'running' | 'data'>): Promise<Namesakes> {
  const control = await connectControl(data)
  const keys: unknown = await control?.call('createKeys', { workspace: 'namesakes' })
  const target: unknown = await control?.call('importTarget', { workspace: 'namesakes' })
  const sender = new BatchSender({ url: () => running.url, writeKey: String(Reflect.get(Object(keys), 'writeKey')), connections: 1 })
  return { workspace: Number(Reflect.get(Object(target), 'workspace')), sender }
}

export async function setUpCarts({ running }: Pick<Scene, 'running'>, webhook: { readonly url: string; readonly secret: string }): Promise<void> {
  await untilDone('the automation is on', async () => {
    const response = await fetch(`${running.url}/v1/automations/abandoned-cart`, {
      method: 'PUT', headers: secret, body: JSON.stringify({ enabled: true, delaySeconds: 1, webhook }),
    })
    return response.status === 200
  })
}

const secret = { authorization: `Bearer ${testKeys.secretKey}`, 'content-type': 'application/json' }

const sendMore: Activity = (scene, round) => sendInput(scene, moreOf(scene.name, round))

const sendWithoutBroker: Activity = async (scene, round) => {
  await scene.way?.sever()
  try {
    await sendMore(scene, round)
  } finally {
    await scene.way?.join()
  }
}

const readProfiles: Activity = async (scene, round) => {
  await sendMore(scene, round)
  for (let user = 0; user < 8; user += 1) {
    await untilDone('the profile is read', async () => (await fetch(`${scene.running.url}/v1/profiles?externalId=${scene.name}-u${user}`, { headers: secret })).status === 200)
  }
}

/** Tried once, since a repeat would mend what a failed one left; then more is loaded, into whatever is there now. */
const rebuild: Activity = async (scene, round) => {
  const control = await connectControl(scene.data).catch(() => null)
  await control?.call('rebuildOlap', {}).catch(() => undefined)
  await sendMore(scene, round)
}

const rebuildProfiles: Activity = async (scene, round) => {
  await sendMore(scene, round)
  const control = await connectControl(scene.data).catch(() => null)
  await control?.call('rebuildProfiles', {}).catch(() => undefined)
}

/** People who share a device or an address are one by the first settings and several by the second, which are the usual ones. */
const changeSettings: Activity = async (scene, round) => {
  await sendMore(scene, round)
  for (const identity of [{ limits: { externalId: 3, email: 3 } }, {}]) {
    await untilDone('the settings are set', async () => (await fetch(`${scene.running.url}/v1/settings`, { method: 'PUT', headers: secret, body: JSON.stringify({ identity }) })).status === 200)
    await untilDone('everybody is solved again', async () => {
      const answer: unknown = await (await fetch(`${scene.running.url}/v1/settings`, { headers: secret })).json()
      return Reflect.get(Object(answer), 'resolving') === null
    })
  }
}

const erase: Activity = async (scene, round) => {
  const user = `${scene.name}-gone${round}`
  const events = Array.from({ length: 4 }, (_, index) => ({
    type: 'track', event: 'Product Viewed', messageId: `${user}-${index}`, timestamp: new Date(Date.UTC(2026, 0, 6)).toISOString(), userId: user,
  }))
  for (const { messageId } of events) scene.erased.add(messageId)
  await scene.sender.sendAll((async function* () {
    yield* bodiesOf(events)
  })())
  // Who is called the same elsewhere is not forgotten with them.
  await sendToNamesakes(scene, bodiesOf(events.slice(0, 1)))
  await sendMore(scene, round)
  let seen = false
  await untilDone('the person is forgotten', async () => {
    const found = await fetch(`${scene.running.url}/v1/profiles?externalId=${user}`, { headers: secret })
    if (found.status === 404) return seen
    seen ||= found.status === 200
    const id: unknown = Reflect.get(Object(Reflect.get(Object(await found.json()), 'profile')), 'id')
    const answer = await fetch(`${scene.running.url}/v1/profiles/${String(id)}`, { method: 'DELETE', headers: secret })
    return answer.status === 200
  })
}

const leaveCarts: Activity = async (scene, round) => {
  const events = Array.from({ length: 4 }, (_, index) => {
    const visitor = `${scene.name}-cart${round}-${index}`
    scene.carts.add(visitor)
    return {
      type: 'track', event: 'Product Added', messageId: `${visitor}-added`, timestamp: new Date().toISOString(), anonymousId: visitor, properties: { product_id: 'p1', price: 2, quantity: 1 },
    }
  })
  await sendInput(scene, { bodies: bodiesOf(events), stored: new Set(events.map(({ messageId }) => messageId)) })
  await sleep(500)
}

const importFile: Activity = async (scene, round) => {
  const path = join(scene.files, `${scene.name}-${round}.ndjson`)
  const { bodies, stored } = moreOf(scene.name, round)
  writeFileSync(path, bodies.flatMap(({ body }) => {
    const { batch }: { batch: readonly unknown[] } = JSON.parse(body)
    return batch.map((event) => `${JSON.stringify(event)}\n`)
  }).join(''))
  for (const id of stored) scene.stored.add(id)
  await untilDone('the file is imported', async () => {
    const child = spawn(process.execPath, [program, 'import', path, '--data', scene.data], { stdio: 'ignore', env: { ...process.env, ...scene.running.environment } })
    const [code] = await once(child, 'exit')
    return code === 0
  })
}

/** Anything that fails meanwhile is what is being tried out; it only has to succeed in the end. */
async function untilDone(what: string, work: () => Promise<boolean>): Promise<void> {
  let last: unknown = 'it was refused'
  for (let attempt = 0; attempt < triesMax; attempt += 1) {
    try {
      if (await work()) return
    } catch (error) {
      last = error
    }
    await sleep(retryMs)
  }
  throw new Error(`not done after ${triesMax} tries: ${what} (${String(last)})`)
}
