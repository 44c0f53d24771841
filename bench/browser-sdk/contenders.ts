/** Each contender as a program that a shop would bundle: it starts the SDK and leaves `window.track(name, properties)`. */
export interface Contender {
  readonly name: string
  /** What npm installs; none for our own. */
  readonly packages: readonly string[]
  /** `SINK` stands for the receiver's origin, `MILLRACE` for our built package. */
  readonly program: string
}

export const contenders: readonly Contender[] = [
  {
    name: '@millrace/browser',
    packages: [],
    program: `import { createMillrace } from 'MILLRACE/index.js'
const millrace = createMillrace({ writeKey: 'key', host: 'SINK', respectPrivacySignals: false })
millrace.identify('u1')
window.track = (name, properties) => millrace.track(name, properties)`,
  },
  {
    name: '@openpanel/web',
    packages: ['@openpanel/web@1.4.1'],
    program: `import { OpenPanel } from '@openpanel/web'
const panel = new OpenPanel({ clientId: 'key', apiUrl: 'SINK', trackScreenViews: false })
panel.identify({ profileId: 'u1' })
window.track = (name, properties) => panel.track(name, properties)`,
  },
  {
    name: '@snowplow/browser-tracker',
    packages: ['@snowplow/browser-tracker@4.10.1'],
    program: `import { newTracker, setUserId, trackSelfDescribingEvent } from '@snowplow/browser-tracker'
newTracker('sp', 'SINK', { appId: 'shop', encodeBase64: false })
setUserId('u1')
window.track = (name, data) => trackSelfDescribingEvent({ event: { schema: 'iglu:com.example/track/jsonschema/1-0-0', data: { name, ...data } } })`,
  },
  {
    name: '@segment/analytics-next',
    packages: ['@segment/analytics-next@1.84.3'],
    program: `import { AnalyticsBrowser } from '@segment/analytics-next'
const settings = { apiKey: 'key', apiHost: 'SINK/v1'.replace('http://', ''), protocol: 'http' }
const analytics = AnalyticsBrowser.load({ writeKey: 'key', cdnSettings: { integrations: { 'Segment.io': settings } } })
analytics.identify('u1')
window.track = (name, properties) => analytics.track(name, properties)`,
  },
  {
    name: '@rudderstack/analytics-js',
    packages: ['@rudderstack/analytics-js@3.34.1'],
    program: `import { RudderAnalytics } from '@rudderstack/analytics-js/bundled'
const analytics = new RudderAnalytics()
const source = { id: 's', name: 'shop', writeKey: 'key', workspaceId: 'w', enabled: true, connections: [], destinations: [], dataplanes: {}, config: { statsCollection: { errors: { enabled: false }, metrics: { enabled: false } } } }
analytics.load('key-0123456789abcdefghijklmn', 'SINK', { getSourceConfig: () => ({ source }) })
analytics.identify('u1')
window.track = (name, properties) => analytics.track(name, properties)`,
  },
  {
    name: 'posthog-js',
    packages: ['posthog-js@1.449.2'],
    program: `import posthog from 'posthog-js'
posthog.init('key', {
  api_host: 'SINK', autocapture: false, capture_pageview: false, capture_pageleave: false, disable_session_recording: true,
  advanced_disable_flags: true, disable_external_dependency_loading: true, person_profiles: 'always', opt_out_useragent_filter: true,
})
posthog.identify('u1')
window.track = (name, properties) => posthog.capture(name, properties)`,
  },
]
