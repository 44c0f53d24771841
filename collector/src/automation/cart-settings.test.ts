import { describe, expect, it } from 'vitest'
import { changedSettings, defaultCartSettings, parseSettings, settingsText, type SettingsContext } from './cart-settings.ts'

const secret = `whsec_${Buffer.alloc(24, 1).toString('base64')}`
const next = `whsec_${Buffer.alloc(24, 2).toString('base64')}`
const context: SettingsContext = { current: defaultCartSettings, allowPrivate: false, now: 1_000, newSecret: () => secret }
const webhook = { url: 'https://shop.example/hook' }

describe('the settings of the abandoned cart', () => {
  it('need nothing but a webhook to start', () => {
    const settings = changedSettings({ enabled: true, webhook }, context)
    expect(settings).toEqual({ ...defaultCartSettings, enabled: true, webhook: { url: 'https://shop.example/hook', secret, previous: null } })
    expect(parseSettings(settingsText(settings))).toEqual(settings)
  })

  it('keep what is left out', () => {
    const current = changedSettings({ enabled: true, delaySeconds: 5, webhook }, context)
    expect(changedSettings({ cartMetrics: ['Basket'] }, { ...context, current })).toEqual({ ...current, cartMetrics: ['Basket'] })
    expect(changedSettings({ webhook: { url: 'https://other.example/' } }, { ...context, current }).webhook).toMatchObject({ secret })
  })

  it('keep the secret before for a day', () => {
    const current = changedSettings({ webhook }, context)
    const rotated = changedSettings({ webhook: { secret: next } }, { ...context, current })
    expect(rotated.webhook).toEqual({ url: 'https://shop.example/hook', secret: next, previous: { secret, until: 86_401_000 } })
    expect(changedSettings({ enabled: true }, { ...context, current: rotated }).webhook?.previous).not.toBeNull()
    expect(changedSettings({ webhook: { url: webhook.url } }, { ...context, current: rotated, now: 86_401_000 }).webhook?.previous).toBeNull()
  })

  it.each([
    ['no object', 'the body: must be an object'],
    [{ delay: 5 }, 'delay: is no field here'],
    [{ enabled: 'yes' }, 'enabled: must be true or false'],
    [{ enabled: true }, 'webhook: give'],
    [{ delaySeconds: 0 }, 'delaySeconds: must be a whole number from 1 to 2592000'],
    [{ delaySeconds: 1.5 }, 'delaySeconds: must be a whole number'],
    [{ cartMetrics: [] }, 'cartMetrics: must hold 1 to 50'],
    [{ cartMetrics: ['  '] }, 'cartMetrics[0]: must be a text'],
    [{ orderMetrics: 'Order' }, 'orderMetrics: must be a list'],
    [{ cartMetrics: ['order_completed'] }, 'cartMetrics: "order_completed" is an order metric too'],
    [{ quietHours: { from: '25:00', to: '08:00', zone: 'UTC' } }, 'quietHours.from: must be a local time'],
    [{ quietHours: { from: '08:00', to: '08:00', zone: 'UTC' } }, 'quietHours.to: must differ'],
    [{ quietHours: { from: '22:00', to: '08:00', zone: 'Mars/Olympus' } }, 'quietHours.zone: must be an IANA time zone'],
    [{ webhook: { url: 'http://shop.example/' } }, 'webhook.url: must begin with https://'],
    [{ webhook: { url: 'https://user:word@shop.example/' } }, 'webhook.url: must hold no user name'],
    [{ webhook: { url: 'nonsense' } }, 'webhook.url: must be a URL'],
    [{ webhook: { url: 'https://10.0.0.1/hook' } }, 'webhook.url: must not point at a private address'],
    [{ webhook: { url: 'https://[::1]/hook' } }, 'webhook.url: must not point at a private address'],
    [{ webhook: { url: 'https://2130706433/hook' } }, 'webhook.url: must not point at a private address'],
    [{ webhook: { ...webhook, secret: 'short' } }, 'webhook.secret: must be whsec_'],
    [{ webhook: { ...webhook, secret: 'whsec_dGVzdA==' } }, 'webhook.secret: must be whsec_'],
  ])('refuse %j', (body, message) => {
    expect(() => changedSettings(body, context)).toThrow(message)
  })

  it('let a trial on one machine use http and private addresses', () => {
    expect(changedSettings({ webhook: { url: 'http://127.0.0.1:9/hook' } }, { ...context, allowPrivate: true }).webhook?.url).toBe('http://127.0.0.1:9/hook')
  })
})
