import { expect, it } from 'vitest'
import { runChaos } from './chaos/run-chaos.ts'

/** A part of `pnpm chaos` that takes a minute or two: kills at random, and every way to break the archive and the loads. */
it.each(['random kills', 'archive.*', 'load.*'])('loses and doubles nothing, whatever is broken: %s', async (point) => {
  const seed = Number(process.env['MILLRACE_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
  const lines: string[] = []
  const wrong = await runChaos({
    runs: 1, seed, point,
    print: (line) => {
      lines.push(line)
      console.log(line)
    },
  })
  expect(wrong, lines.join('\n')).toBe(0)
}, 600_000)
