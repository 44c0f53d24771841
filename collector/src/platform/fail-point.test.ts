import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { armFailPoints, failPlace, failStep } from './fail-point.ts'

let journal = ''

beforeEach(() => {
  journal = mkdtempSync(join(tmpdir(), 'millrace-fail-points-'))
})

afterEach(() => {
  armFailPoints({})
  rmSync(journal, { recursive: true })
})

function arm(text: string): void {
  armFailPoints({ MILLRACE_FAIL_POINTS: text, MILLRACE_FAIL_POINTS_JOURNAL: journal })
}

/** Counts how often it was done. */
function counting(): { readonly work: () => Promise<number>; readonly done: () => number } {
  let done = 0
  return { work: async () => done += 1, done: () => done }
}

test('does the step once and nothing else while nothing is armed', async () => {
  const { work, done } = counting()
  expect(await failStep('archive.put', work)).toBe(1)
  failPlace('log.mark')
  expect(done()).toBe(1)
  expect(readdirSync(journal)).toEqual([])
})

test('breaks each armed pass once, and leaves in the journal what it passed and what it broke', async () => {
  arm('archive.put=throw@2,archive.put=outcome-unknown@3,archive.put=twice@3')
  const { work, done } = counting()
  expect(await failStep('archive.put', work)).toBe(1)
  await expect(failStep('archive.put', work)).rejects.toMatchObject({ code: 'unavailable', retryable: true })
  expect(done()).toBe(1)
  await expect(failStep('archive.put', work)).rejects.toMatchObject({ code: 'outcome_unknown', retryable: true })
  expect(done()).toBe(2)
  expect(await failStep('archive.put', work)).toBe(4)
  expect(await failStep('archive.put', work)).toBe(5)
  expect(readdirSync(journal).toSorted()).toEqual([
    'fired-archive.put=outcome-unknown@3', 'fired-archive.put=throw@2', 'fired-archive.put=twice@3', 'passed-archive.put',
  ])
  // As a process that starts again with the same environment.
  arm('archive.put=throw@1,archive.put=throw@2')
  await expect(failStep('archive.put', work)).rejects.toMatchObject({ code: 'unavailable' })
  expect(await failStep('archive.put', work)).toBe(6)
})

test.each([
  ['a journal missing', { MILLRACE_FAIL_POINTS: 'archive.put=throw@1' }],
  ['only a journal', { MILLRACE_FAIL_POINTS_JOURNAL: '.' }],
  ['a journal that is no directory', { MILLRACE_FAIL_POINTS: 'archive.put=throw@1', MILLRACE_FAIL_POINTS_JOURNAL: import.meta.filename }],
  ['an unknown point', { MILLRACE_FAIL_POINTS: 'archive.get=throw@1', MILLRACE_FAIL_POINTS_JOURNAL: '.' }],
  ['a name of every object', { MILLRACE_FAIL_POINTS: 'toString=throw@1', MILLRACE_FAIL_POINTS_JOURNAL: '.' }],
  ['a kind that the point does not have', { MILLRACE_FAIL_POINTS: 'log.mark=twice@1', MILLRACE_FAIL_POINTS_JOURNAL: '.' }],
  ['a power loss without the switch of a disk', { MILLRACE_FAIL_POINTS: 'archive.put=power-loss-before@1', MILLRACE_FAIL_POINTS_JOURNAL: '.' }],
  ['no pass', { MILLRACE_FAIL_POINTS: 'archive.put=throw', MILLRACE_FAIL_POINTS_JOURNAL: '.' }],
])('refuses %s', (_, env) => {
  expect(() => armFailPoints(env)).toThrow(expect.objectContaining({ code: 'bad_config' }))
})
