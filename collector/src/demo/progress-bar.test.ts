import { expect, it } from 'vitest'
import { ProgressBar } from './progress-bar.ts'

function bar(isTty: boolean): { readonly progress: ProgressBar; readonly shown: string[]; readonly clock: { now: number } } {
  const shown: string[] = []
  const clock = { now: 1_000 }
  const terminal = { out: (text: string) => void shown.push(text), err: () => {}, isTty, untilStopped: () => new Promise<void>(() => {}) }
  return { progress: new ProgressBar(terminal, () => clock.now), shown, clock }
}

it('draws on a terminal at most ten times a second, over itself', () => {
  const { progress, shown, clock } = bar(true)
  progress.show({ what: 'sent', done: 0, total: 1_000 })
  progress.show({ what: 'sent', done: 100, total: 1_000 })
  clock.now += 2_000
  progress.show({ what: 'sent', done: 500, total: 1_000 })
  expect(shown).toEqual([
    `\r\u001b[2K[${' '.repeat(28)}] sent 0 of 1,000 events (0.0 s)`,
    `\r\u001b[2K[${'='.repeat(14)}${' '.repeat(14)}] sent 500 of 1,000 events (2.0 s, 250 a second)`,
  ])
})

it('goes by the part of the file where the number of events is not known, and is never longer than its frame', () => {
  const { progress, shown, clock } = bar(true)
  progress.show({ what: 'sent', done: 7, total: null, part: 0.25 })
  clock.now += 100
  progress.show({ what: 'sent', done: 7, total: null, part: 1.5 })
  clock.now += 100
  progress.show({ what: 'sent', done: 7, total: null })
  expect(shown).toEqual([
    `\r\u001b[2K[${'='.repeat(7)}${' '.repeat(21)}] sent 7 events (0.0 s)`,
    `\r\u001b[2K[${'='.repeat(28)}] sent 7 events (0.1 s)`,
    '\r\u001b[2Ksent 7 events (0.2 s)',
  ])
})

it('says a plain line every five seconds where nobody watches, and one at the end', () => {
  const { progress, shown, clock } = bar(false)
  for (let second = 0; second <= 11; second += 1) {
    progress.show({ what: 'loaded', done: second * 10, total: 200 })
    clock.now += 1_000
  }
  progress.finish({ what: 'loaded', done: 200, total: null })
  expect(shown).toEqual([
    'loaded 50 of 200 events (5.0 s, 10 a second)\n',
    'loaded 100 of 200 events (10.0 s, 10 a second)\n',
    'loaded 200 events (12.0 s, 17 a second)\n',
  ])
})
