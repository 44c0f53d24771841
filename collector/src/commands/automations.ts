import { abandonedCart } from '../automation/cart-settings.ts'
import { MillraceError } from '../platform/errors.ts'
import type { Command } from './command.ts'
import { withOperations } from './with-operations.ts'

export const automationsCommand: Command = {
  name: 'automations',
  usage: `automations | automations start ${abandonedCart} --webhook URL [--delay-seconds 3600] [--secret whsec_...] | automations stop ${abandonedCart} | automations replay ${abandonedCart}`,
  about: 'ready-made automations: shows them, starts one with a webhook URL, stops it, sends parked webhooks again',
  flags: ['workspace', 'webhook', 'secret', 'delay-seconds', 'json'],
  run: async ({ arguments: { positional }, config, flags, terminal }) => {
    const [action = 'list', automation = abandonedCart] = positional
    const workspace = flags.get('workspace') ?? 'default'
    const show = (value: unknown, text: () => string): number => {
      terminal.out(flags.has('json') ? `${JSON.stringify(value)}\n` : text())
      return 0
    }
    const change = (body: Readonly<Record<string, unknown>>): Promise<unknown> =>
      withOperations(config, (operations) => operations.call('changeAutomation', { workspace, automation, body }))
    if (action === 'list') {
      const list = await withOperations(config, (operations) => operations.call('automations', { workspace }))
      return show(list, () => (Array.isArray(list) ? list.map(automationText).join('\n') : ''))
    }
    if (action === 'start') {
      const changed = await change(startBody(flags))
      const secret: unknown = Reflect.get(Object(changed), 'secret')
      return show(changed, () => automationText(Reflect.get(Object(changed), 'automation')) +
        (typeof secret === 'string' ? `  the secret its webhooks are signed with, shown this once: ${secret}\n` : ''))
    }
    if (action === 'stop') {
      const changed = await change({ enabled: false })
      return show(changed, () => automationText(Reflect.get(Object(changed), 'automation')))
    }
    if (action !== 'replay') throw new MillraceError('bad_request', `unknown action ${JSON.stringify(action)}; ${automationsCommand.usage}`)
    const replayed = await withOperations(config, (operations) => operations.call('replayAutomation', { workspace }))
    return show({ replayed }, () => `${String(replayed)} parked webhooks are sent again\n`)
  },
}

function startBody(flags: ReadonlyMap<string, string>): Readonly<Record<string, unknown>> {
  const [url, secret, delay] = [flags.get('webhook'), flags.get('secret'), flags.get('delay-seconds')]
  const webhook = { ...(url === undefined ? {} : { url }), ...(secret === undefined ? {} : { secret }) }
  return { enabled: true, ...(delay === undefined ? {} : { delaySeconds: Number(delay) }), ...(Object.keys(webhook).length === 0 ? {} : { webhook }) }
}

function automationText(view: unknown): string {
  const at = (name: string, of: unknown = view): unknown => Reflect.get(Object(of), name)
  const webhook = at('webhook')
  const deliveries = at('deliveries')
  const target = webhook === null ? 'no webhook yet' : `${String(at('url', webhook))} (${String(at('state', webhook))})`
  return [
    `${String(at('name'))}  ${at('enabled') === true ? 'on' : 'off'}`,
    `  ${String(at('about'))}`,
    `  webhook     ${target}`,
    `  delay       ${String(at('delaySeconds'))} s after the last of: ${String(at('cartMetrics')).replaceAll(',', ', ')}`,
    `  cancelled   by: ${String(at('orderMetrics')).replaceAll(',', ', ')}`,
    `  segments    ${segmentNames(at('segments'))}`,
    `  open carts  ${String(at('open', at('carts')))}`,
    `  webhooks    ${['waiting', 'sent', 'parked'].map((state) => `${state} ${String(at(state, deliveries))}`).join(', ')}`, '',
  ].join('\n')
}

function segmentNames(segments: unknown): string {
  const list: readonly unknown[] = Array.isArray(segments) ? segments : []
  return list.map((segment) => `${String(Reflect.get(Object(segment), 'name'))}${Reflect.get(Object(segment), 'id') === null ? ' (not made yet)' : ''}`).join(', ')
}
