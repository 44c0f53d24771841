/** One thing that was measured, in milliseconds or another unit of which less is better. */
export interface Figure {
  readonly name: string
  readonly value: number
  readonly unit: string
  /** What it has to be under; left out where nothing is asked. */
  readonly goal?: number
}

/** A row a figure, a column a size; how many times the first column the last one is, and the goal. */
export function figureTable(sizes: readonly number[], columns: readonly (readonly Figure[])[]): string {
  const head = ['', ...sizes.map((size) => `${size.toLocaleString('en')} events`), ...(sizes.length > 1 ? ['ratio'] : []), 'goal']
  const rows = (columns[0] ?? []).map(({ name, unit, goal }, index) => {
    const values = columns.map((column) => column[index]?.value ?? Number.NaN)
    const [first = Number.NaN, last = Number.NaN] = [values[0], values.at(-1)]
    return [
      name, ...values.map((value) => `${shown(value)} ${unit}`), ...(sizes.length > 1 ? [(last / first).toFixed(2)] : []),
      goal === undefined ? '' : `under ${goal} ${unit}${last < goal ? '' : ', MISSED'}`,
    ]
  })
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => (row[column] ?? '').length)))
  return [head, ...rows].map((row) => row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  ')).join('\n')
}

function shown(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)
}
