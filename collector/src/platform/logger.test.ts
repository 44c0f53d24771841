import { expect, it } from 'vitest'
import { createLogger } from './logger.ts'

it('writes whatever it is told as one line that a terminal does not act on, and says it whole', () => {
  const lines: string[] = []
  const evil = 'a\n{"level":"error"}\r\u001b[2J\u009b31m\u2028\u202egnp.exe\u2066\u007f'
  createLogger('info', (line) => lines.push(line), () => 0).warn(evil, { [evil]: evil })
  expect(lines).toHaveLength(1)
  expect(lines[0]).toMatch(/^[\u0020-\u007e]+\n$/)
  expect(JSON.parse(lines[0] ?? '')).toEqual({ time: '1970-01-01T00:00:00.000Z', level: 'warn', message: evil, [evil]: evil })
})
