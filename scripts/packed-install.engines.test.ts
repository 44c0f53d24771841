import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'

/**
 * What a user installs: the packages are built, packed and installed by npm into an empty project, then run by plain
 * Node. Slow (a build and an install from the registry), so it runs with the engine suites.
 */

const root = join(import.meta.dirname, '..')
const directory = mkdtempSync(join(tmpdir(), 'millrace-packed-'))
const project = join(directory, 'project')
const packages = ['schemas', 'sdk-node', 'sdk-browser', 'collector']

const purchases = `InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
536370,22728,ALARM CLOCK,2,2010-12-01 08:45:00,3.75,12583.0,France
536370,22727,TEA CUP,4,2010-12-01 08:45:00,1.25,12583.0,France
536371,22086,PAPER CHAIN,10,2010-12-01 09:00:00,2.55,13748.0,United Kingdom
`

interface Ran {
  readonly code: number | null
  readonly output: string
}

function run(command: string, words: readonly string[], cwd: string): Ran {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('MILLRACE_') && name !== 'NODE_OPTIONS'))
  const { status, stdout, stderr, error } = spawnSync(command, words, { cwd, env, encoding: 'utf8', timeout: 240_000 })
  return { code: status, output: `${stdout}${stderr}${error === undefined ? '' : String(error)}` }
}

function succeed(command: string, words: readonly string[], cwd: string): void {
  const { code, output } = run(command, words, cwd)
  if (code !== 0) throw new Error(`${command} ${words.join(' ')} ended with ${code}:\n${output}`)
}

function millrace(...words: readonly string[]): Ran {
  return run(process.execPath, [join(project, 'node_modules/.bin/millrace'), ...words], project)
}

function installed(name: string): string {
  return join(project, 'node_modules/@millrace', name)
}

function packageJson(file: string): object {
  const parsed: unknown = JSON.parse(readFileSync(file, 'utf8'))
  if (typeof parsed !== 'object' || parsed === null) throw new Error(`${file} is no object`)
  return parsed
}

beforeAll(() => {
  const pnpm = String(Reflect.get(packageJson(join(root, 'package.json')), 'packageManager'))
  succeed('npx', ['-y', pnpm, 'run', 'build'], root)
  for (const name of packages) succeed('npx', ['-y', pnpm, 'pack', '--pack-destination', directory], join(root, name))
  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), '{ "private": true }')
  const tarballs = readdirSync(directory).filter((name) => name.endsWith('.tgz')).map((name) => join(directory, name))
  succeed('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', ...tarballs], project)
})

afterAll(() => rmSync(directory, { recursive: true, force: true }))

test('a package holds what is built, its licence, and no source', () => {
  for (const name of ['schemas', 'node', 'browser', 'collector']) {
    const manifest = packageJson(join(installed(name), 'package.json'))
    expect(manifest).toMatchObject({ license: 'Apache-2.0', type: 'module', files: ['dist'] })
    expect(JSON.stringify(manifest), name).not.toContain('./src/')
    expect(JSON.stringify(Reflect.get(manifest, 'dependencies') ?? {}), name).not.toContain('workspace:')
    expect(existsSync(join(installed(name), 'LICENSE')), name).toBe(true)
    expect(existsSync(join(installed(name), 'src')), name).toBe(false)
  }
  expect(packageJson(join(installed('collector'), 'package.json'))).toMatchObject({ bin: { millrace: './dist/main.js' }, engines: { node: '>=22.13' } })
})

/** A program that sends an event of each entry to a server of its own and prints what came. */
const nodeProgram = (load: (entry: string) => string): string => `
  ${['', '/ecommerce', '/hono', '/express'].map(load).join('\n')}
  const server = require('node:http').createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => { body += chunk }).on('end', () => {
      const { batch } = JSON.parse(body)
      console.log(batch.map(({ event, anonymousId }) => event + ' of ' + anonymousId).join(', '))
      response.end(JSON.stringify({ success: true, results: batch.map(({ messageId }) => ({ messageId, result: 'ok' })) }))
    })
  }).listen(0, '127.0.0.1', async () => {
    const client = new root.Millrace({ writeKey: 'wk', host: 'http://127.0.0.1:' + server.address().port, queueDir: 'queue' })
    client.track({ anonymousId: 'a', event: 'one' })
    new ecommerce.Ecommerce(client).cartViewed({ anonymousId: 'b', properties: {} })
    const header = (name) => name === 'cookie' ? 'millrace=c' : undefined
    await hono.millraceContext(client)({ req: { url: 'http://shop.example/', header }, env: {} }, async () => { client.track({ event: 'three' }) })
    express.millraceContext(client)({ protocol: 'http', originalUrl: '/', get: header }, {}, () => { client.track({ event: 'four' }) })
    console.log((await client.close()).left, 'left')
    server.close()
  })
`
const nameOf = (entry: string): string => entry.slice(1) || 'root'

test.each([['this', ''], ['the oldest', '22.13.0']])('the Node SDK runs as ES module and as CommonJS, on %s Node', (_, version) => {
  if (version !== '' && process.platform === 'linux') {
    succeed('npm', ['install', '--no-audit', '--no-fund', '--no-save', `node-${process.platform}-${process.arch}@${version}`, '--prefix', join(directory, 'old')], directory)
  }
  const node = version === '' ? process.execPath : join(directory, `old/node_modules/node-${process.platform}-${process.arch}/bin/node`)
  writeFileSync(join(project, 'main.cjs'), nodeProgram((entry) => `const ${nameOf(entry)} = require('@millrace/node${entry}')`))
  writeFileSync(join(project, 'main.mjs'), `import { createRequire } from 'node:module'\nconst require = createRequire(import.meta.url)\n${
    nodeProgram((entry) => `const ${nameOf(entry)} = await import('@millrace/node${entry}')`)}`)
  for (const file of ['main.cjs', 'main.mjs']) {
    expect(run(node, ['--no-warnings', file], project)).toEqual({ code: 0, output: 'one of a, Cart Viewed of b, three of c, four of c\n0 left\n' })
  }
})

test('the Node SDK compiles for its users, both ways, and refuses what its types forbid', () => {
  const program = (text: string): string => `
    import { Millrace, type CallResult } from '@millrace/node'
    import { Ecommerce, type EcommerceEvents } from '@millrace/node/ecommerce'
    import { millraceContext as hono } from '@millrace/node/hono'
    import { millraceContext as express } from '@millrace/node/express'
    interface Events extends EcommerceEvents { 'Newsletter Joined': { list: string } }
    const client = new Millrace<Events>({ writeKey: 'wk', host: 'https://events.example.com' })
    export const used: unknown[] = [hono(client), express(client), new Ecommerce(client).orderCompleted({ userId: 'u', properties: { order_id: 'o' } })]
    export const result: CallResult = ${text}
  `
  const good = program("client.track({ userId: 'u', event: 'Newsletter Joined', properties: { list: 'weekly' } })")
  const bad = program("client.track({ userId: 'u', event: 'Newsletter Joined', properties: { lst: 'weekly' } })")
  const compile = (name: string, text: string): Ran => {
    writeFileSync(join(project, name), text)
    // No types of Node either: the package's own must do without.
    const compilerOptions = { noEmit: true, strict: true, module: 'nodenext', target: 'es2023', types: [] }
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: [name] }))
    return run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', '.'], project)
  }
  for (const name of ['good.mts', 'good.cts']) expect(compile(name, good)).toEqual({ code: 0, output: '' })
  for (const name of ['bad.mts', 'bad.cts']) expect(compile(name, bad).output).toContain('lst')
})

test('the Node SDK brings nothing with it and is small', () => {
  expect(packageJson(join(installed('node'), 'package.json'))).not.toHaveProperty('dependencies')
  const files = readdirSync(join(installed('node'), 'dist')).map((name) => statSync(join(installed('node'), 'dist', name)).size)
  expect(files.reduce((sum, size) => sum + size, 0)).toBeLessThan(160_000)
})

test('the types of the SDKs need no other package', () => {
  for (const name of ['node', 'browser']) {
    const files = readdirSync(join(installed(name), 'dist')).filter((file) => /\.d\.c?ts$/.test(file))
    expect(files).toContain('index.d.ts')
    for (const file of files) expect(readFileSync(join(installed(name), 'dist', file), 'utf8'), file).not.toMatch(/(?:from|import) ['"]@(?!millrace\/browser['"])/)
  }
})

test('the doctor finds nothing to fix', () => {
  const { code, output } = millrace('doctor', '--data', join(directory, 'data'), '--port', '0')
  expect(output).toContain('nothing to fix')
  expect(code).toBe(0)
})

test('the demo plays a file through every tier', () => {
  const file = join(directory, 'purchases.csv')
  writeFileSync(file, purchases)
  const { code, output } = millrace('demo', '--exit', '--port', '0', '--file', file, '--data', join(directory, 'demo'))
  expect(output).toContain('every event is accounted for, once')
  expect(code).toBe(0)
})

test('the sample and the shop of the demo come along', () => {
  for (const name of ['online-retail-sample.csv.gz', 'web-shop/list.html', 'web-shop/millrace.ts']) {
    expect(existsSync(join(installed('collector'), 'dist', name)), name).toBe(true)
  }
})

test('the browser SDK weighs at most 4.0 KB as it is packed', () => {
  const size = (name: string): number => gzipSync(readFileSync(join(installed('browser'), 'dist', name)), { level: 9 }).length
  expect(size('index.js')).toBeLessThanOrEqual(4_096)
  expect(size('stub.global.js')).toBeLessThanOrEqual(500)
})

test('the console comes along, built, and is served without its source', async () => {
  const served = spawn(process.execPath, [join(project, 'node_modules/.bin/millrace'), 'serve', '--port', '0', '--data', join(directory, 'console')], { cwd: project, stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    let printed = ''
    while (!/^millrace ready \S+$/m.test(printed)) {
      const [text]: unknown[] = await once(served.stdout, 'data')
      printed += String(text)
    }
    const url = /^millrace ready (\S+)$/m.exec(printed)?.[1] ?? ''
    for (const path of ['/console', '/console/console.js', '/console/console.css']) {
      const response = await fetch(`${url}${path}`)
      expect([path, response.status]).toEqual([path, 200])
      expect((await response.text()).length).toBeGreaterThan(300)
    }
  } finally {
    served.kill('SIGTERM')
    await once(served, 'exit')
  }
})
