import { expect, it } from 'vitest'
import { runChaos } from './chaos/run-chaos.ts'

/** The short run of `pnpm chaos`: every fail-point with every kind of failure it has, each once, and kills at random. */
it('loses and doubles nothing, whatever is broken', async () => {
  const seed = Number(process.env['MILLRACE_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
  const lines: string[] = []
  const wrong = await runChaos({
    runs: 1, seed, point: null,
    print: (line) => {
      lines.push(line)
      console.log(line)
    },
  })
  expect(wrong, lines.join('\n')).toBe(0)
}, 1_200_000)
