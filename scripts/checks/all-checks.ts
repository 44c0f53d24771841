import { findCycles } from './cycles.ts'
import { findLayerViolations } from './layers.ts'
import { findMisnamed } from './misnamed.ts'
import { findOversize } from './oversize.ts'
import { findSemicolons } from './semicolons.ts'
import type { SourceFile, Violation } from './source-files.ts'
import { runCompiler, runLinter, runUnused } from './tools.ts'
import { findWording } from './wording.ts'

export interface Check {
  readonly name: string
  /** One line a violation, none where the rule is kept. */
  run(files: readonly SourceFile[]): readonly string[]
}

/** The rules of this repository that a machine can judge. */
export const allChecks: readonly Check[] = [
  reader('layers and drivers', findLayerViolations),
  reader('no import cycles', findCycles),
  reader('sizes', findOversize),
  reader('names', findMisnamed),
  reader('no semicolons', findSemicolons),
  reader('wording', findWording),
  { name: 'types', run: () => linesOf(runCompiler('.')) },
  { name: 'lint', run: () => linesOf(runLinter(['.'])) },
  { name: 'nothing unused', run: () => linesOf(runUnused('.')) },
]

function reader(name: string, find: (files: readonly SourceFile[]) => readonly Violation[]): Check {
  return { name, run: (files) => find(files).map(({ path, line, message }) => `${path}:${line} ${message}`) }
}

function linesOf({ ok, output }: { ok: boolean, output: string }): readonly string[] {
  return ok ? [] : output === '' ? ['failed without a word'] : output.split('\n')
}
