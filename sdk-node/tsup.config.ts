import { defineConfig } from 'tsup'

/** Schemas are no dependency of the published SDK: its code and its types are built in. */
export default defineConfig({
  entry: ['src/index.ts'],
  format: ['esm', 'cjs'],
  dts: { resolve: ['@millrace/schemas'] },
  removeNodeProtocol: false,
  clean: true,
})
