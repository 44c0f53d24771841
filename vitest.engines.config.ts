import { defineConfig } from 'vitest/config'
import { CountReporter } from './scripts/count-reporter.ts'

/** The contract suites and the whole path on real engines: one file at a time, since each engine takes a machine's share; scripts/test-engines.ts runs those without beside them. */
export default defineConfig({
  test: {
    include: ['{collector,console,scripts,sdk-browser}/**/*.engines.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 120_000,
    // Starters may have to install an engine first.
    hookTimeout: 600_000,
    passWithNoTests: true,
    reporters: [new CountReporter()],
  },
})
