import type { VariantName } from './variants.ts'

/** One promise of the SDK, held against what was measured. */
export interface Goal {
  readonly what: string
  readonly met: boolean
}

export interface ScenarioOptions {
  /** Directory of the others' packages. */
  readonly peers: string
  readonly variants: readonly VariantName[]
  /** How often to repeat what varies. */
  readonly runs: number
}

/** Prints rows of cells in columns, the first to the left and the others to the right. */
export function printTable(title: string, rows: readonly (readonly string[])[]): void {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
  console.log(`\n${title}`)
  for (const row of rows) {
    console.log(row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  '))
  }
}

export function whole(value: number): string {
  return Math.round(value).toLocaleString('en')
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}
