import { importGraph } from './import-graph.ts'
import type { SourceFile, Violation } from './source-files.ts'

/** From the network down to the clock; an import may only go down this list. */
const layers = ['edge', 'ingest', 'log', 'pump', 'automation', 'identity', 'stores', 'caches', 'query', 'ports', 'platform']

/** The one file that chooses drivers. */
const chooser = 'collector/src/compose.ts'

/** What each package of the workspace may import from the others. */
const packagesBelow = new Map([
  ['schemas', ['schemas']],
  ['sdk-node', ['sdk-node', 'schemas']],
  ['sdk-browser', ['sdk-browser', 'schemas']],
  ['console', ['console', 'schemas']],
  ['collector', ['collector', 'schemas', 'sdk-node']],
  ['examples', ['examples', 'sdk-node', 'sdk-browser']],
])

/**
 * Imports that go up the layers or from one layer's middle into the root files above it, imports of a driver by
 * anything but itself and the file that composes, and imports of a package from one it lies above. Tests compose
 * what they need, so they are free.
 */
export function findLayerViolations(files: readonly SourceFile[]): readonly Violation[] {
  const sources = files.filter(({ path }) => isShipped(path))
  return [...importGraph(sources)].flatMap(([path, imports]) =>
    imports.flatMap(({ target, line }) => {
      const message = wrongPackage(path, target) ?? wrongDriver(path, target) ?? wrongLayer(path, target)
      return message === undefined ? [] : [{ path, line, message }]
    }))
}

function isShipped(path: string): boolean {
  return /^[\w-]+\/src\//.test(path) && !/\.test\.tsx?$/.test(path)
}

function wrongPackage(path: string, target: string): string | undefined {
  const from = path.split('/')[0] ?? ''
  const to = target.split('/')[0] ?? ''
  if (!target.includes('/src/') || !packagesBelow.has(to) || packagesBelow.get(from)?.includes(to) === true) return undefined
  return `${from} may not import ${target}`
}

function wrongDriver(path: string, target: string): string | undefined {
  const driver = driverOf(target)
  if (driver === undefined || driver === driverOf(path) || path === chooser) return undefined
  return `only ${chooser} imports the driver ${driver}, not this file`
}

/** `collector/src/stores/oltp/sqlite`, `collector/src/log/embedded`, `collector/src/caches/memory`; else undefined. */
function driverOf(path: string): string | undefined {
  return /^collector\/src\/(?:stores\/[\w-]+|log|caches)\/[\w-]+(?=\/)/.exec(path)?.[0]
}

function wrongLayer(path: string, target: string): string | undefined {
  const from = layerOf(path)
  if (from === undefined || !target.startsWith('collector/src/')) return undefined
  const to = layerOf(target)
  if (to === undefined) return `${from} may not import ${target}, which lies above all layers`
  return layers.indexOf(to) < layers.indexOf(from) ? `${from} lies below ${to} and may not import ${target}` : undefined
}

/** Undefined for the files beside the layers (main, compose, commands, ...), which may import any of them. */
function layerOf(path: string): string | undefined {
  const folder = /^collector\/src\/([\w-]+)\//.exec(path)?.[1]
  return folder !== undefined && layers.includes(folder) ? folder : undefined
}
