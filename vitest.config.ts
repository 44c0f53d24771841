import { defineConfig } from 'vitest/config'
import { CountReporter } from './scripts/count-reporter.ts'

export default defineConfig({
  test: {
    include: ['{schemas,sdk-browser,sdk-node,console,collector,examples,scripts}/**/*.test.{ts,tsx}'],
    exclude: ['**/node_modules/**', '**/dist/**', '**/*.engines.test.ts'],
    // Real processes with signals, locks and exit codes; worker threads would share them.
    pool: 'forks',
    maxWorkers: 2,
    // Some tests start the embedded engine, which takes seconds on a busy machine.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: [new CountReporter()],
  },
})
