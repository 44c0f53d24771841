import { spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../collector/src/platform/clock.ts'
import { createLogger } from '../collector/src/platform/logger.ts'
import { startEngine } from '../collector/src/stores/olap/engine/start-engine.ts'
import { testKeys } from '../collector/test/collector-process.ts'
import { ownPlace } from '../collector/test/own-place.ts'
import { readJson, untilAtRest } from '../collector/test/read-side.ts'
import { type Containers, startContainers } from './engines/containers.ts'
import { debianProgram } from './engines/debian-program.ts'
import { startKafka } from './engines/kafka.ts'
import { startMysql } from './engines/mysql.ts'
import { startRedis } from './engines/redis.ts'
import { freePort } from './engines/server-process.ts'
import { startVersitygw, versitygwAccount } from './engines/versitygw.ts'

/** Both images of the Dockerfile, built and run for real, as a hardened host runs them: nothing writable but the volume and /tmp. */

const root = join(import.meta.dirname, '..')
const manifest: object = JSON.parse(readFileSync(join(root, 'collector/package.json'), 'utf8'))
const engineClients = Object.keys(Object(Reflect.get(manifest, 'peerDependencies')))
const batch = JSON.stringify({
  batch: Array.from({ length: 200 }, (_, index) => ({
    type: 'track', event: 'Order Completed', userId: `customer-${index % 20}`, messageId: `order-${index}`,
    properties: { order_id: `o-${index}`, revenue: 10, currency: 'EUR' },
  })),
})
const events = 200
const startMsMax = 60_000
/** Over both a third of room for what the next versions bring; beyond it somebody should look. */
const megabytesMax = { embedded: 1_100, slim: 350 }

/** What the runtime needs here, where nobody may raise limits, and what a careful host grants: no more. */
const runOptions = [
  '--network', 'host', '--ulimit', 'nofile=1024:4096', '--ulimit', 'nproc=4096:4096', '--read-only', '--read-only-tmpfs=false', '--tmpfs', '/tmp',
  '--cap-drop', 'all', '--security-opt', 'no-new-privileges',
]

/** One container, with the volume that outlives it. */
class RunningImage {
  readonly name = `millrace-test-${randomUUID()}`
  readonly #containers: Containers
  readonly #image: string
  readonly #port: number
  readonly #env: readonly string[]

  constructor(containers: Containers, image: string, { port, env = {} }: { port: number; env?: Readonly<Record<string, string>> }) {
    this.#containers = containers
    this.#image = image
    this.#port = port
    const all = { MILLRACE_PORT: String(port), MILLRACE_WRITE_KEY: testKeys.writeKey, MILLRACE_SECRET_KEY: testKeys.secretKey, ...env }
    this.#env = Object.entries(all).flatMap(([name, value]) => ['--env', `${name}=${value}`])
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  /** Resolves when it is healthy by its own check. */
  async start(): Promise<void> {
    await this.#containers.succeed('run', '--detach', '--name', this.name, ...runOptions, '--volume', `${this.name}:/data`, ...this.#env, this.#image)
    await this.healthy()
  }

  async again(): Promise<void> {
    await this.#containers.succeed('start', this.name)
    await this.healthy()
  }

  async healthy(): Promise<void> {
    const deadline = performance.now() + startMsMax
    while ((await this.#containers.podman('healthcheck', 'run', this.name)).code !== 0) {
      if (performance.now() > deadline || await this.state('Running') !== 'true') throw new Error(`${this.name} is not healthy: ${JSON.stringify(await this.#containers.podman('logs', this.name))}`)
      await delay(200)
    }
  }

  exec(...words: readonly string[]): ReturnType<Containers['podman']> {
    return this.#containers.podman('exec', this.name, ...words)
  }

  /** A field of its state: Running, ExitCode. */
  async state(field: string): Promise<string> {
    return (await this.#containers.succeed('inspect', '--format', `{{ .State.${field} }}`, this.name)).trim()
  }

  /** SIGTERM; answers the exit code. */
  async stop(): Promise<string> {
    await this.#containers.succeed('stop', '--time', '30', this.name)
    return await this.state('ExitCode')
  }

  async remove(): Promise<void> {
    await this.#containers.podman('rm', '--force', '--time', '0', this.name)
    await this.#containers.podman('volume', 'rm', '--force', this.name)
  }

  async post(body: string): Promise<unknown> {
    const response = await fetch(`${this.url}/v1/batch`, { method: 'POST', body, headers: { 'content-type': 'application/json', 'x-write-key': testKeys.writeKey } })
    return await response.json()
  }

  /** What `millrace status --json` prints in the container, once everything that was accepted is everywhere. */
  async statusAtRest(accepted: number): Promise<unknown> {
    await untilAtRest(() => this.url, testKeys.secretKey, { accepted, withinMs: 60_000 })
    const { code, stdout, stderr } = await this.exec('millrace', 'status', '--json')
    if (code !== 0) throw new Error(`status ended with ${code}: ${stderr}`)
    return JSON.parse(stdout)
  }
}

const containers = await startContainers()
if ('missing' in containers) it.skip(`the container images: ${containers.missing}`, () => {})
else {
  const images = { embedded: `millrace-test:embedded-${randomUUID()}`, slim: `millrace-test:slim-${randomUUID()}` }
  describe('the container images', () => {
    beforeAll(async () => {
      await containers.build(root, 'embedded', images.embedded)
      await containers.build(root, 'slim', images.slim)
    })
    afterAll(() => containers.forget(...Object.values(images)))
    describeBoth(containers, images)
    describeEmbedded(containers, images.embedded)
    describeSlim(containers, images.slim)
  })
}

const compose = debianProgram('docker-compose', 'docker-compose')
const composeTitle = 'compose.yaml has the form that docker-compose knows (its services are not started: no registry of images is asked here)'
if (typeof compose !== 'string') it.skip(`${composeTitle}: ${compose.missing}`, () => {})
else it(composeTitle, () => {
  const env = { ...process.env, MYSQL_PASSWORD: 'm1', CLICKHOUSE_PASSWORD: 'c1', OBJECTS_SECRET_KEY: 'o1', REDIS_PASSWORD: 'r1' }
  const told = spawnSync(compose, ['--file', join(root, 'compose.yaml'), 'config'], { encoding: 'utf8', env })
  expect(told.stderr).toBe('')
  expect(told.stdout).toContain('mysql://millrace:m1@mysql:3306/millrace')
  const without = spawnSync(compose, ['--file', join(root, 'compose.yaml'), 'config', '--quiet'], { encoding: 'utf8', env: { ...env, REDIS_PASSWORD: '' } })
  expect(without.stderr).toContain('see .env.example')
  expect(without.status).not.toBe(0)
})

function describeBoth({ podman, succeed }: Containers, images: Readonly<Record<keyof typeof megabytesMax, string>>): void {
  it.each(['embedded', 'slim'] as const)('%s says what it is and how it is checked, stopped and reached', async (target) => {
    const [image]: readonly unknown[] = JSON.parse(await succeed('image', 'inspect', images[target]))
    expect(image).toMatchObject({
      User: '10001:10001',
      Labels: { 'org.opencontainers.image.title': 'Millrace', 'org.opencontainers.image.licenses': 'Apache-2.0', 'org.opencontainers.image.version': Reflect.get(manifest, 'version') },
      Config: {
        Entrypoint: ['millrace'], Cmd: ['serve'], StopSignal: 'SIGTERM', Volumes: { '/data': {} }, ExposedPorts: { '8080/tcp': {} },
        Env: expect.arrayContaining(['MILLRACE_HOST=0.0.0.0', 'MILLRACE_DATA=/data', 'NODE_ENV=production']),
      },
      Healthcheck: { Test: ['CMD', 'node', '-e', expect.stringContaining('/readyz')] },
    })
    const megabytes = Math.round(Number(Reflect.get(Object(image), 'Size')) / 1e6)
    process.stdout.write(`image ${target}: ${megabytes} MB\n`)
    expect(megabytes).toBeLessThan(megabytesMax[target])
  })

  it.each(['embedded', 'slim'] as const)('%s holds what is published and no tool that made it', async (target) => {
    const listed = await succeed('run', '--rm', ...runOptions, '--entrypoint', 'sh', images[target], '-c', 'find /app -maxdepth 5 -path "*/node_modules/*" -prune -o -print; ls /app/node_modules /app/node_modules/.pnpm')
    const names = listed.split('\n')
    expect(names).toEqual(expect.arrayContaining(['/app/LICENSE', '/app/dist/main.js', '/app/dist/worker.js', ...new Set(engineClients.map((name) => name.split('/')[0]))]))
    expect(names.filter((name) => /^(?:typescript|tsup|vitest|esbuild|oxlint|fast-check)@|\/src(?:\/|$)|\.d\.ts$/.test(name))).toEqual([])
    expect(names.filter((name) => /chdb/.test(name)).length > 0).toBe(target === 'embedded')
  })

  it.each(['embedded', 'slim'] as const)('%s runs any command, and says so with its exit code', async (target) => {
    expect(await succeed('run', '--rm', ...runOptions, images[target], 'help')).toContain('millrace COMMAND')
    expect((await podman('run', '--rm', ...runOptions, images[target], 'no-such-command')).code).toBe(2)
  })
}

function describeEmbedded(made: Containers, image: string): void {
  describe('embedded', () => {
    let running: RunningImage
    beforeAll(async () => {
      running = new RunningImage(made, image, { port: await freePort() })
      await running.start()
    })
    afterAll(() => running.remove())

    it('takes events to every tier, and `status` in the container says so', async () => {
      expect(await running.post(batch)).toMatchObject({ success: true, stored: 'log' })
      expect(await running.statusAtRest(events)).toMatchObject({ atRest: true, agree: true, totals: { accepted: events, stored: events, archived: events, loaded: events } })
      const { stdout } = await running.exec('millrace', 'sql', 'select count(), sum(value) from events', '--format', 'TSV')
      expect(stdout.trim()).toBe('200\t2000')
    })

    it('runs as nobody in particular, with Node as its first process and nothing to write but its data', async () => {
      expect((await running.exec('id', '-u')).stdout.trim()).toBe('10001')
      expect((await running.exec('sh', '-c', 'tr "\\0" " " < /proc/1/cmdline')).stdout).toBe('node /usr/local/bin/millrace serve ')
      const refused = await running.exec('sh', '-c', 'touch /app/probe')
      expect(refused.code).not.toBe(0)
      expect(refused.stderr).toContain('Read-only file system')
      expect((await running.exec('sh', '-c', 'for place in /tmp /data; do touch $place/probe && rm $place/probe || exit 1; done')).code).toBe(0)
      expect((await running.exec('sh', '-c', 'cat /proc/[0-9]*/status')).stdout.match(/^Uid:\s+\d+/gm)?.filter((line) => !line.endsWith('10001'))).toEqual([])
    })

    it('is unhealthy where nothing answers', async () => {
      const inspected = await made.succeed('inspect', '--format', '{{ json .Config.Healthcheck.Test }}', running.name)
      const [, ...check]: readonly string[] = JSON.parse(inspected)
      expect((await made.podman('exec', running.name, ...check)).code).toBe(0)
      expect((await made.podman('exec', '--env', 'MILLRACE_PORT=9', running.name, ...check)).code).toBe(1)
    })

    it('stops with 0 on SIGTERM and has everything when it starts again', async () => {
      expect(await running.stop()).toBe('0')
      await running.again()
      expect(await running.statusAtRest(events)).toMatchObject({ agree: true, totals: { accepted: events, stored: events, archived: events, loaded: events } })
      const { body } = await readJson(running.url, '/v1/profiles?externalId=customer-7', testKeys.secretKey)
      expect(body).toMatchObject({ profile: { metrics: { 'Order Completed': { count: 10 } } } })
    })

    it('loses and doubles nothing when it is killed, though every start has the same process id', async () => {
      await running.post(batch.replaceAll('order-', 'second-'))
      await made.succeed('kill', '--signal', 'KILL', running.name)
      await made.succeed('wait', running.name)
      await running.again()
      await running.post(batch)
      expect(await running.statusAtRest(3 * events)).toMatchObject({ agree: true, totals: { accepted: 3 * events, stored: 2 * events, loaded: 2 * events, dropped: { duplicate: events } } })
    })

    it('finds nothing to fix', async () => {
      const { code, stdout } = await running.exec('millrace', 'doctor')
      expect(stdout).toContain('nothing to fix')
      expect(code).toBe(0)
    })
  })
}

function describeSlim(made: Containers, image: string): void {
  describe('slim', () => {
    it('says what is missing where no ClickHouse server is named', async () => {
      const { code, stderr } = await made.podman('run', '--rm', ...runOptions, '--env', 'MILLRACE_PORT=0', image)
      expect(stderr).toContain('the embedded ClickHouse engine needs the package chdb; install it with `npm install chdb`, or name a ClickHouse server with --olap-url')
      expect(code).toBe(1)
    })

    it('runs on engines outside, those that can be had here: log, OLTP, ClickHouse over HTTP, S3 and cache', async () => {
      const directory = mkdtempSync(join(tmpdir(), 'millrace-olap-'))
      const olap = await startEngine({
        directory, memoryBytesMax: 1_073_741_824, clock: systemClock, logger: createLogger('error', (line) => process.stderr.write(line), () => Date.now()),
      })
      const engines = { MILLRACE_LOG_URL: await startKafka(), MILLRACE_OLTP_URL: await startMysql(), MILLRACE_OBJECTS_URL: await startVersitygw(), MILLRACE_CACHE_URL: await startRedis() }
      for (const [name, engine] of Object.entries(engines)) if ('missing' in engine) process.stdout.write(`${name} stays embedded: ${engine.missing}\n`)
      const started = Object.entries(engines).flatMap(([name, engine]) => ('missing' in engine ? [] : [{ name, engine }]))
      const running = new RunningImage(made, image, {
        port: await freePort(),
        env: {
          ...Object.fromEntries(started.map(({ name, engine }) => [name, ownPlace(engine.url)])), MILLRACE_PARTITIONS: '4',
          MILLRACE_OLAP_URL: `${olap.url.replace('//', `//millrace:${olap.password}@`)}/millrace`,
          AWS_ACCESS_KEY_ID: versitygwAccount.accessKeyId, AWS_SECRET_ACCESS_KEY: versitygwAccount.secretAccessKey,
        },
      })
      try {
        await running.start()
        expect(await running.post(batch)).toMatchObject({ success: true, stored: 'log' })
        expect(await running.statusAtRest(events)).toMatchObject({ agree: true, totals: { stored: events, archived: events, loaded: events } })
        expect(await running.stop()).toBe('0')
      } finally {
        await running.remove()
        await Promise.all([olap.stop(), ...started.map(({ engine }) => engine.stop())])
        rmSync(directory, { recursive: true, force: true })
      }
    }, 300_000)
  })
}
