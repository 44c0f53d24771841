import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

/** What a browser loads, by the name it is asked for. */
export type ConsoleFiles = ReadonlyMap<ConsoleFileName, string>

export const consoleFileNames = Object.freeze(['index.html', 'console.js', 'console.css'] as const)
export type ConsoleFileName = (typeof consoleFileNames)[number]

/** The page as one script and one style sheet, bundled from source in memory; takes about 200 ms. */
export async function buildConsole(): Promise<ConsoleFiles> {
  // Loaded only where it is needed: an installed collector has the built files and no bundler.
  const { build, stop } = await import('esbuild')
  const { outputFiles } = await build({
    entryPoints: { console: fileURLToPath(new URL('src/main.tsx', import.meta.url)) },
    outdir: 'console',
    bundle: true,
    write: false,
    minify: true,
    format: 'esm',
    target: ['es2022'],
    charset: 'utf8',
    legalComments: 'none',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    logLevel: 'silent',
  })
  // Its process would stay as long as this one.
  await stop()
  const text = (ending: string): string => outputFiles.find(({ path }) => path.endsWith(ending))?.text ?? ''
  return new Map([
    ['index.html', await readFile(new URL('src/index.html', import.meta.url), 'utf8')],
    ['console.js', text('.js')],
    ['console.css', text('.css')],
  ])
}
