import { spawnSync } from 'node:child_process'
import { expect, it } from 'vitest'

const program = `
import { readdirSync } from 'node:fs'
import { getPriority } from 'node:os'
import { giveWay } from ${JSON.stringify(new URL('give-way.ts', import.meta.url).href)}
giveWay(7)
const threads = process.platform === 'linux' ? readdirSync('/proc/self/task').map(Number) : [process.pid]
console.log(JSON.stringify([...new Set(threads.map((thread) => getPriority(thread)))]))
`

it('gives way with all threads of the process', () => {
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module-typescript', '--eval', program], { encoding: 'utf8' })
  expect([stdout.trim(), stderr]).toEqual(['[7]', ''])
})
