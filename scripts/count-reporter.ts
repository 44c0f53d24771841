import { DefaultReporter } from 'vitest/node'
import type { Reporter, TestModule } from 'vitest/node'

type RunEnd = Parameters<NonNullable<Reporter['onTestRunEnd']>>

/** The line that ends every run: `N passed, N failed`, and `, N skipped` where some were. */
export function countLine(counts: { passed: number, failed: number, skipped: number }): string {
  const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''
  return `${counts.passed} passed, ${counts.failed} failed${skipped}`
}

/**
 * Vitest's own report, then the count line. A file that could not be loaded, a suite whose hook broke and an error
 * outside any test each count as one failure: a run is never green because its tests did not get to run. What was
 * skipped outside any suite is named.
 */
export class CountReporter extends DefaultReporter {
  override onTestRunEnd(...[modules, errors, reason]: RunEnd): void {
    super.onTestRunEnd(modules, errors, reason)
    const counts = { passed: 0, failed: errors.length, skipped: 0 }
    for (const module of modules) {
      addModule(counts, module)
      // Whole suites that could not run say why in their name, since an engine was not there.
      for (const test of module.children.tests()) if (test.result().state === 'skipped') process.stdout.write(`not run: ${test.name}\n`)
    }
    if (reason === 'failed' && counts.failed === 0) counts.failed = 1
    process.stdout.write(`${countLine(counts)}\n`)
  }
}

function addModule(counts: { passed: number, failed: number, skipped: number }, module: TestModule): void {
  if (module.errors().length > 0) counts.failed += 1
  for (const suite of module.children.allSuites()) {
    if (suite.errors().length > 0) counts.failed += 1
  }
  for (const test of module.children.allTests()) {
    const { state } = test.result()
    counts[state === 'passed' ? 'passed' : state === 'failed' ? 'failed' : 'skipped'] += 1
  }
}
