import { defineConfig } from 'tsup'

/** Programs that are forked by path lie beside the chunks that fork them, so `siblingProgram` finds them as in source. */
export default defineConfig({
  entry: {
    main: 'src/main.ts',
    index: 'src/index.ts',
    worker: 'src/worker.ts',
    'engine-child': 'src/stores/olap/engine/engine-child.ts',
  },
  format: 'esm',
  target: 'node22',
  splitting: true,
  // `node:sqlite` has no name without its prefix.
  removeNodeProtocol: false,
  dts: { entry: { index: 'src/index.ts' } },
  // The demo's sample comes along, with the file that names its licence.
  publicDir: '../examples/data',
  clean: true,
  // Loaded in a clone alone: an installed collector has the console's built files beside it.
  external: ['@millrace/console'],
  // So does its shop, whose files are sent as they are.
  onSuccess: `node -e "fs.cpSync('../examples/web-shop', 'dist/web-shop', { recursive: true })"`,
})
