import { defineConfig, type Options } from 'tsup'

/** Names of members that never leave a build: shortened, since gzip cannot know that they could be. */
const innerNames = [
  'isGranted', 'dropPending', 'persist', 'forget', 'waitMs', 'later', 'succeeded', 'failures', 'drain', 'wake', 'leave', 'plan', 'hold', 'take', 'bodies', 'lines', 'chunks', 'underWay',
  'identity', 'visit', 'queue', 'sender', 'times', 'recall', 'retain', 'fresh', 'methods', 'waiting', 'discard', 'retryAfter', 'fields', 'remove', 'read', 'confirmed',
]

const common: Options = {
  platform: 'browser',
  // Private names, optional chaining and top-level features that browsers have had since 2022.
  target: 'es2022',
  minify: 'terser',
  terserOptions: { module: true, ecma: 2020, compress: { passes: 3, unsafe_arrows: true, inline: 1, unsafe: true }, mangle: true },
  esbuildOptions: (options) => {
    // Before Terser sees it: both together find more than either.
    options.minify = true
    options.mangleProps = new RegExp(`^(?:${innerNames.join('|')})$`)
  },
}

/** Schemas are no dependency of the published SDK: its types are built in, and there is no code of it left. */
const modules: Options = {
  ...common,
  entry: ['src/index.ts', 'src/ecommerce.ts', 'src/device-context.ts', 'src/kept-id.ts', 'src/segment.ts'],
  format: 'esm',
  splitting: false,
  external: ['@millrace/browser'],
  dts: { resolve: ['@millrace/schemas'] },
}

/** For script tags: `millrace.global.js`, and the snippet that stands in for it until it is there. */
const scripts: Options = {
  ...common,
  entry: { millrace: 'src/global.ts', stub: 'src/stub.ts' },
  format: 'iife',
  splitting: false,
}

export default defineConfig([modules, scripts])
