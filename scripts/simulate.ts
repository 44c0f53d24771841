import { runHistory } from './simulation/history.ts'

const from = Number(process.argv[2] ?? 1)
const count = Number(process.argv[3] ?? 100)
const trace = process.argv[4] === 'trace'
const begin = performance.now()
let batches = 0
for (let seed = from; seed < from + count; seed += 1) {
  const report = await runHistory({ seed, calm: process.argv[4] === 'calm', ...(trace ? { trace: (line: string) => console.log(line) } : {}) })
  batches += report.batches
  if (report.violation !== null) console.log(JSON.stringify(report))
}
console.log(batches, 'batches', Math.round(performance.now() - begin), 'ms')
