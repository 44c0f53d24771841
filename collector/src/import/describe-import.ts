import type { ImportPlan } from './import-plan.ts'
import { orderGapRowsMax } from './order-gatherer.ts'
import { rejectLine } from './reject.ts'
import type { OpenImport } from './import-reader.ts'
import type { Rehearsal } from './run-import.ts'

/** How a file is understood, for whoever may want to correct it. */
export function describePlan({ plan, source }: OpenImport): string {
  if (plan === null) return `events as they are (source ${source}); a line is a call of an SDK, an event of the feed or a line of the archive\n`
  const rows = plan.columns.map(({ column, field, type, example }) => [column, field, field.startsWith('item.') || field.startsWith('property.') ? type : '', cut(example)])
  const header = ['column', 'becomes', 'type', 'for example']
  const widths = header.map((title, index) => Math.max(title.length, ...rows.map((row) => row[index]?.length ?? 0)))
  const line = (row: readonly string[]): string => `  ${row.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join('  ').trimEnd()}\n`
  return `${plan.kind} (source ${source})${aboutKind(plan)}\n${line(header)}${rows.map(line).join('')}` +
    'to correct it: --map FIELD=COLUMN, --map ignore=COLUMN, --kind, --source, --date-format, --time-zone, or --map FILE.json\n'
}

function aboutKind({ kind, fields }: ImportPlan): string {
  if (kind === 'customers') return ': an identify a row'
  if (kind === 'events') return `: a track a row${fields.messageId === undefined ? ', told apart by what stands in it' : ''}`
  return `: one event an order; its rows may stand up to ${orderGapRowsMax.toLocaleString('en')} rows apart`
}

function cut(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ')
  return line.length > 40 ? `${line.slice(0, 39)}…` : line
}

export function describeRehearsal({ events, rejects, metrics, identifiers, rules, firstRejects, firstTime, lastTime }: Rehearsal): string {
  const list = (counts: ReadonlyMap<string, number>): string =>
    [...counts].toSorted((a, b) => b[1] - a[1]).map(([name, count]) => `${name} ${count.toLocaleString('en')}`).join(', ') || 'none'
  return [
    `events       ${events.toLocaleString('en')}${firstTime === null ? '' : `, from ${firstTime} to ${lastTime}`}`,
    `metrics      ${list(metrics)}`,
    `identifiers  ${list(identifiers)}`,
    `rejected     ${rejects.toLocaleString('en')}${rejects === 0 ? '' : ` (${list(rules)})`}`,
    ...firstRejects.map((entry) => `  line ${rejectLine(entry).trimEnd()}`),
    ...(rejects > firstRejects.length ? ['  …'] : []),
    'nothing was sent: this was a dry run', '',
  ].join('\n')
}
