import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { join } from 'node:path'
import { Millrace } from '../../sdk-node/src/index.ts'

/** An SDK at its defaults, or with the settings that its documentation offers for throughput. */
export const variantNames = ['millrace', 'segment', 'segment tuned', 'posthog', 'posthog tuned', 'rudderstack', 'rudderstack tuned'] as const

export type VariantName = (typeof variantNames)[number]

/** The packages of the others, at the versions measured; `bench/node-sdk.ts` installs them into a directory of their own. */
export const peerPackages = { '@segment/analytics-node': '3.1.0', 'posthog-node': '5.70.0', '@rudderstack/rudder-sdk-node': '3.0.13' }

export interface OrderEvent {
  readonly userId: string
  readonly event: string
  readonly properties: Readonly<Record<string, unknown>>
}

/** What a sender needs of an SDK. */
export interface Variant {
  /** False if the call was refused. */
  track(order: OrderEvent): boolean
  /** Where an SDK offers back-pressure: resolves when it takes more. */
  readonly ready: (() => Promise<void>) | null
  /** As its documentation says to end. */
  close(): Promise<unknown>
}

/** Loads an SDK; those of others from the directory they were installed in. */
export async function loadVariant(name: VariantName, { host, peers }: { readonly host: string; readonly peers: string }): Promise<Variant> {
  const tuned = name.endsWith(' tuned')
  if (name === 'millrace') {
    const client = new Millrace({ writeKey: 'bench', host })
    return { track: (order) => client.track(order).ok, ready: () => client.ready(), close: () => client.close({ timeoutMs: 60_000 }) }
  }
  if (name.startsWith('segment')) {
    const client = construct(await load(peers, '@segment/analytics-node'), 'Analytics', [
      { writeKey: 'bench', host, ...(tuned ? { flushAt: 500, maxEventsInBatch: 500, flushInterval: 200 } : {}) },
    ])
    invoke(client, 'on', ['error', () => {}])
    return { track: (order) => sent(invoke(client, 'track', [order])), ready: null, close: async () => invoke(client, 'closeAndFlush', []) }
  }
  if (name.startsWith('posthog')) {
    const client = construct(await load(peers, 'posthog-node'), 'PostHog', [
      'bench', { host, ...(tuned ? { flushAt: 500, maxBatchSize: 500, maxQueueSize: 1_000_000, flushInterval: 200 } : {}) },
    ])
    return {
      track: ({ userId, event, properties }) => sent(invoke(client, 'capture', [{ distinctId: userId, event, properties }])),
      ready: null, close: async () => invoke(client, 'shutdown', [60_000]),
    }
  }
  const client = construct(await load(peers, '@rudderstack/rudder-sdk-node'), 'default', [
    'bench', { dataPlaneUrl: host, logLevel: 'silent', ...(tuned ? { flushAt: 500, maxInternalQueueSize: 1_000_000, flushInterval: 200 } : {}) },
  ])
  return { track: (order) => sent(invoke(client, 'track', [order])), ready: null, close: async () => invoke(client, 'flush', []) }
}

/** These calls return the client, or nothing. */
function sent(_answer: unknown): boolean {
  return true
}

async function load(peers: string, name: string): Promise<unknown> {
  const path = createRequire(join(peers, 'package.json')).resolve(name)
  const module: unknown = await import(pathToFileURL(path).href)
  return module
}

function construct(module: unknown, name: string, parameters: readonly unknown[]): unknown {
  let found: unknown = Reflect.get(Object(module), name)
  // A CommonJS module with a default export of its own, seen from an ES module.
  if (typeof found !== 'function') found = Reflect.get(Object(Reflect.get(Object(module), 'default')), name)
  if (typeof found !== 'function') throw new Error(`the package exports no ${name}`)
  return Reflect.construct(found, parameters)
}

function invoke(client: unknown, method: string, parameters: readonly unknown[]): unknown {
  const found: unknown = Reflect.get(Object(client), method)
  if (typeof found !== 'function') throw new Error(`the client has no ${method}`)
  return Reflect.apply(found, client, parameters)
}
