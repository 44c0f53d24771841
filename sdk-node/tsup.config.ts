import { defineConfig } from 'tsup'

/** Schemas are no dependency of the published SDK: its code and its types are built in. */
export default defineConfig({
  entry: ['src/index.ts', 'src/hono.ts', 'src/express.ts', 'src/ecommerce.ts'],
  format: ['esm', 'cjs'],
  target: 'node22',
  dts: { resolve: ['@millrace/schemas'] },
  removeNodeProtocol: false,
  // Names stay, for those who read a stack.
  esbuildOptions: (options) => { options.minifyWhitespace = true },
  clean: true,
})
