import { styleText } from 'node:util'
import type { Status } from '../query/status.ts'
import type { Command } from './command.ts'
import { withOperations } from './with-operations.ts'

export const statusCommand: Command = {
  name: 'status',
  usage: 'status [--json]',
  about: 'lag, spool and the reconciliation of the tiers; exit code 1 if they disagree at rest',
  flags: ['json'],
  run: async ({ config, flags, terminal }) => {
    const status = readStatus(await withOperations(config, (operations) => operations.call('status', {})))
    terminal.out(flags.has('json') ? `${JSON.stringify(status)}\n` : renderStatus(status))
    return status.atRest && !status.agree ? 1 : 0
  },
}

/** The running collector is this version of this program; a body of another shape is not worth a table. */
function readStatus(value: unknown): Status {
  if (isStatus(value)) return value
  throw new TypeError('the collector answered no status')
}

function isStatus(value: unknown): value is Status {
  return typeof value === 'object' && value !== null && 'totals' in value && 'partitions' in value && 'atRest' in value
}

function renderStatus({ atRest, agree, totals, partitions, spool, automations: { openCarts, deliveries } }: Status): string {
  const verdict = !agree ? styleText('red', 'the tiers disagree') : atRest ? styleText('green', 'at rest, all tiers agree') : 'work in progress'
  const dropped = Object.entries(totals.dropped).map(([reason, count]) => `${reason} ${count}`).join(', ')
  const rows = partitions.map(({ partition, lag }) => `  ${String(partition).padStart(9)}  ${[lag.decide, lag.archive, lag.load].map((n) => String(n).padStart(9)).join('  ')}`)
  return [
    verdict, '',
    `  accepted  ${totals.accepted}`, `  stored    ${totals.stored}`, `  archived  ${totals.archived}`, `  loaded    ${totals.loaded}${totals.refused === undefined ? '' : `, and ${totals.refused} that the OLAP refuses`}`,
    `  dropped   ${dropped}`, `  spool     ${spool.bytes} bytes`,
    `  carts     ${openCarts} open`, `  webhooks  waiting ${deliveries.waiting}, sent ${deliveries.sent}, parked ${deliveries.parked}`, '',
    '  partition     decide    archive       load   (events behind)', ...rows, '',
  ].join('\n')
}
