import { join } from 'node:path'
import { findCycles } from './cycles.ts'
import { findDependencyFaults } from './dependencies.ts'
import { findLayerViolations } from './layers.ts'
import { findMisnamed } from './misnamed.ts'
import { findOversize } from './oversize.ts'
import { findSemicolons } from './semicolons.ts'
import { readSourceFiles, readTextFiles, type SourceFile, type Violation } from './source-files.ts'
import { findSqlInterpolation } from './sql-parameters.ts'
import { runCompiler, runLinter, runUnused } from './tools.ts'
import { findWording } from './wording.ts'

export interface Check {
  readonly name: string
  /** One line a violation, none where the rule is kept. */
  run(root: string): readonly string[]
}

/** The rules of this repository that a machine can judge. */
export const allChecks: readonly Check[] = [
  sourceCheck('layers and drivers', findLayerViolations),
  sourceCheck('no import cycles', findCycles),
  sourceCheck('sizes', findOversize),
  sourceCheck('names', findMisnamed),
  sourceCheck('no semicolons', findSemicolons),
  sourceCheck('SQL takes values by parameters', findSqlInterpolation),
  { name: 'dependencies', run: findDependencyFaults },
  { name: 'wording', run: (root) => findWording(readTextFiles(root)).map(lineOf) },
  // The pages of the console and of the shop have the DOM, which nothing else here may name.
  { name: 'types', run: (root) => ['.', 'console', 'examples/web-shop'].flatMap((project) => linesOf(runCompiler(join(root, project)))) },
  { name: 'lint', run: (root) => linesOf(runLinter([root])) },
  { name: 'nothing unused', run: (root) => linesOf(runUnused(root)) },
]

function sourceCheck(name: string, find: (files: readonly SourceFile[]) => readonly Violation[]): Check {
  return { name, run: (root) => find(readSourceFiles(root)).map(lineOf) }
}

function lineOf({ path, line, message }: Violation): string {
  return `${path}:${line} ${message}`
}

function linesOf({ ok, output }: { ok: boolean, output: string }): readonly string[] {
  return ok ? [] : output === '' ? ['failed without a word'] : output.split('\n')
}
