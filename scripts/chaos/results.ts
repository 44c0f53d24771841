import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import type { Arm, PlotOutcome } from './play.ts'
import { type Lifetime, randomKills } from './plan.ts'

/** What came of one lifetime; a line of the results file. */
export interface Result {
  readonly lifetime: string
  /** How often each point was broken; processes killed at random stand under their own name. */
  readonly broken: Readonly<Record<string, number>>
  readonly lost: number
  readonly doubled: number
  readonly faults: readonly string[]
}

export function resultOf({ name, arms, kills }: Lifetime, { broken, passed, lost, doubled, faults }: PlotOutcome): Result {
  const points = [...new Set(arms.map(({ point }: Arm) => point))]
  const counts = points.map((point) => [point, broken.filter((arm) => arm.startsWith(`${point}=`)).length])
  return {
    lifetime: name, broken: Object.fromEntries([...counts, ...kills > 0 ? [[randomKills, broken.length]] : []]), lost, doubled,
    faults: [...faults, ...points.filter((point) => !passed.includes(point)).map((point) => `nothing passes ${point}`)],
  }
}

/** The results of earlier parts of a run, if a file keeps them; a run goes on behind them. */
export class Results {
  readonly #path: string | null
  readonly all: Result[]

  constructor(path: string | null) {
    this.#path = path
    this.all = path === null || !existsSync(path) ? [] : readFileSync(path, 'utf8').split('\n').filter((line) => line !== '').map(parsed)
  }

  has(lifetime: string): boolean {
    return this.all.some((result) => result.lifetime === lifetime)
  }

  add(result: Result): void {
    this.all.push(result)
    if (this.#path !== null) appendFileSync(this.#path, `${JSON.stringify(result)}\n`)
  }

  /** The whole table. What was lost or doubled in a lifetime stands in the row of every point that was broken in it. */
  table(): readonly string[] {
    const rows = new Map<string, { runs: number; lost: number; doubled: number }>()
    for (const { broken, lost, doubled } of this.all) {
      for (const [point, runs] of Object.entries(broken)) {
        const row = rows.get(point) ?? { runs: 0, lost: 0, doubled: 0 }
        rows.set(point, { runs: row.runs + runs, lost: row.lost + lost, doubled: row.doubled + doubled })
      }
    }
    return [['fail-point', 'runs', 'lost', 'doubled'], ...[...rows].map(([point, { runs, lost, doubled }]) => [point, runs, lost, doubled])]
      .map(([first, ...rest]) => String(first).padEnd(20) + rest.map((cell) => String(cell).padStart(9)).join(''))
  }

  get broken(): number {
    return this.all.reduce((sum, { broken }) => sum + Object.values(broken).reduce((total, runs) => total + runs, 0), 0)
  }
}

function parsed(line: string): Result {
  const result: Result = JSON.parse(line)
  return result
}
