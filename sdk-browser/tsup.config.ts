import { defineConfig } from 'tsup'

/** Schemas are no dependency of the published SDK: its code and its types are built in. */
export default defineConfig({
  entry: ['src/index.ts'],
  format: ['esm', 'iife'],
  platform: 'browser',
  target: 'es2020',
  minify: true,
  dts: { resolve: ['@millrace/schemas'] },
  clean: true,
})
