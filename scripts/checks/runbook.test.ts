import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { configTable } from '../../collector/src/config.ts'
import { CollectorProcess } from '../../collector/test/collector-process.ts'

/** The runbook against the program: metrics, alarms and settings there are, and no others. */

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly labels: { readonly severity: string }
}

const root = join(import.meta.dirname, '../..')
const runbook = readFileSync(join(root, 'docs/runbook.md'), 'utf8')
const { groups }: { readonly groups: readonly { readonly rules: readonly Rule[] }[] } = parse(readFileSync(join(root, 'docs/alarms.yaml'), 'utf8'))
const rules = groups.flatMap((group) => group.rules)

/** The rows of the tables of metrics: names in the first cell, alarms in the last. */
const rows = [...runbook.matchAll(/^\| (`millrace_[^|]*)\|[^|]*\|([^|]*)\|([^|]*)\|$/gm)].map((row) => ({
  names: [...String(row[1]).matchAll(/`(millrace_\w+)`/g)].map((name) => String(name[1])),
  call: String(row[2]).trim(),
  alarms: String(row[3]).split(',').map((name) => name.trim()).filter((name) => name !== ''),
}))

/** What a running collector exports once both its processes are there. */
async function exportedMetrics(): Promise<readonly string[]> {
  const data = mkdtempSync(join(tmpdir(), 'millrace-runbook-'))
  const collector = new CollectorProcess(data)
  try {
    await collector.start()
    for (let attempt = 0; attempt < 300; attempt += 1) {
      const page = await (await fetch(`${collector.url}/metrics`)).text()
      if (page.includes('millrace_pump_batch')) return [...page.matchAll(/^# TYPE (\w+)/gm)].map((match) => String(match[1]))
      await delay(100)
    }
    throw new Error('the worker exports nothing')
  } finally {
    await collector.stop()
    rmSync(data, { recursive: true })
  }
}

test('tells of every metric that is exported, and of no other', async () => {
  const exported = await exportedMetrics()
  expect(rows.flatMap(({ names }) => names).toSorted()).toEqual(exported.toSorted())
  const asked = rules.flatMap(({ expr }) => [...expr.matchAll(/millrace_\w+/g)].map(([name]) => name.replace(/_bucket$/, '')))
  expect(asked.filter((name) => !exported.includes(name))).toEqual([])
})

test('says of every metric when to call somebody, and which alarm does', () => {
  for (const { names, call, alarms } of rows) {
    expect(call, names.join()).not.toBe('')
    for (const alarm of alarms) {
      const expr = rules.find(({ alert }) => alert === alarm)?.expr
      expect(names.some((name) => expr?.includes(name)), `${alarm} asks for ${names.join()}`).toBe(true)
    }
  }
  const listed = rows.flatMap(({ alarms }) => alarms)
  expect([...listed, 'CollectorDown'].toSorted()).toEqual(rules.map(({ alert }) => alert).toSorted())
})

test('has a section for each alarm, of the severity it has', () => {
  const severities = new Map([['Page', 'page'], ['Work', 'work']])
  const sections = [...runbook.matchAll(/^### (\w+)\n(\w+)\. \S/gm)].map((section) => [section[1], severities.get(String(section[2]))])
  expect(sections.toSorted()).toEqual(rules.map(({ alert, labels }) => [alert, labels.severity]).toSorted())
})

test('names settings that there are', () => {
  const table = configTable()
  const variables = new Set(runbook.match(/\bMILLRACE_\w+/g))
  expect(variables.size).toBeGreaterThan(5)
  for (const name of variables) expect(table).toMatch(new RegExp(`\\b${name}\\b`))
})
