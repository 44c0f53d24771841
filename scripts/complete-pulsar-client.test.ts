import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

/** The step of the image's build that may fail without failing it, against packages that stand in for the client's. */

let app = ''

beforeEach(() => {
  app = mkdtempSync(join(tmpdir(), 'millrace-pulsar-client-'))
})

afterEach(() => rmSync(app, { recursive: true }))

function complete(mode: string): { readonly code: number | null, readonly output: string } {
  const { status, stdout, stderr } = spawnSync('sh', [join(import.meta.dirname, 'complete-pulsar-client.sh'), app, mode], { encoding: 'utf8' })
  return { code: status, output: `${stdout}${stderr}` }
}

/** A client whose native part comes if `download` ends well. */
function putClient(download: string): void {
  const client = join(app, 'node_modules/pulsar-client')
  const installer = join(app, 'node_modules/@mapbox/node-pre-gyp/bin')
  for (const directory of [client, installer]) mkdirSync(directory, { recursive: true })
  writeFileSync(join(client, 'package.json'), '{ "name": "pulsar-client" }')
  writeFileSync(join(client, 'index.js'), 'require("./native.js")\n')
  writeFileSync(join(client, 'GenCertFile.js'), '')
  writeFileSync(join(installer, 'node-pre-gyp.js'), download)
  writeFileSync(join(installer, 'node-pre-gyp'), download)
}

test('builds the native client in where its download comes', () => {
  putClient('require("node:fs").writeFileSync("native.js", "")')
  expect(complete('try')).toEqual({ code: 0, output: 'the native Pulsar client is built in\n' })
})

test.each([
  ['fails', 'console.error("no route"); process.exit(1)'],
  ['brings something that cannot be loaded', ''],
])('goes on without it where the download %s', (_, download) => {
  putClient(download)
  const { code, output } = complete('try')
  expect(code).toBe(0)
  expect(output).toContain('the download of the native Pulsar client failed: the image is made without the native Pulsar client; pulsar+ws://')
  expect(output).not.toContain('built in')
})

test('does nothing where it is told not to, or where the collector has no such package', () => {
  expect(complete('try')).toMatchObject({ code: 0, output: expect.stringContaining('does not name the package pulsar-client') })
  putClient('throw new Error("asked all the same")')
  expect(complete('skip')).toMatchObject({ code: 0, output: expect.stringMatching(/^PULSAR_NATIVE=skip: the image is made without/) })
})

test('refuses a build argument that is neither', () => {
  expect(complete('yes')).toEqual({ code: 1, output: 'PULSAR_NATIVE is "yes"; it must be try or skip\n' })
})
