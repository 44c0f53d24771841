/** A table of columns padded with two spaces or more, such as `serve --help` prints, as Markdown. */
export function markdownTable(text: string): string {
  const rows = text.split('\n').map((line) => line.split(/ {2,}/))
  const lines = rows.map((cells, index) =>
    `| ${cells.map((cell, column) => (index > 0 && column < 3 ? `\`${cell}\`` : cell.replaceAll('|', '\\|'))).join(' | ')} |`)
  return [lines[0], `|${'---|'.repeat(rows[0]?.length ?? 0)}`, ...lines.slice(1), ''].join('\n')
}
