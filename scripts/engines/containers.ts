import { execFile } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { debianProgram } from './debian-program.ts'
import type { MissingEngine } from './started-engine.ts'

export interface PodmanAnswer {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Podman with images of its own, apart from whatever else the machine runs. */
export interface Containers {
  /** Runs one podman command to its end, whatever that is. */
  podman(...words: readonly string[]): Promise<PodmanAnswer>
  /** The same, failing with what it printed unless it ends with 0; answers its standard output. */
  succeed(...words: readonly string[]): Promise<string>
  /** Builds a target of the Dockerfile in `directory` under a name, from the base image that was made here. */
  build(directory: string, target: string, name: string): Promise<void>
  /** Removes the images named, and all that only they needed. */
  forget(...names: readonly string[]): Promise<void>
}

/** As the Dockerfile names it. */
const baseImage = 'docker.io/library/node:24-bookworm-slim'
const npmVersion = '11'
/** Of what is done below: another recipe makes another base. */
const recipe = `${process.version}-npm${npmVersion}-1`
const authorities = 'etc/ssl/certs/ca-certificates.crt'
const outputBytesMax = 16_777_216
const commandMsMax = 400_000

const run = promisify(execFile)

/**
 * Builds and runs containers without an engine for them and without a registry of images: the base image is made once a
 * version from Debian's packages and this Node, under the name that the Dockerfile uses.
 */
export async function startContainers(): Promise<Containers | MissingEngine> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return { missing: 'containers are built and run here only by root on Linux' }
  if (!process.version.startsWith('v24.')) return { missing: `the base image is made with the running Node, which is ${process.version} and not 24` }
  for (const name of ['podman', 'runc', 'debootstrap']) {
    const program = debianProgram(name, name)
    if (typeof program !== 'string') return program
  }
  const home = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'millrace-engines', 'containers')
  const containers = podmanIn(home)
  try {
    if (!await hasBase(containers)) await makeBase(containers, home)
  } catch (error) {
    return { missing: `the base image could not be made: ${String(error).trim().split('\n').at(-1) ?? ''}` }
  }
  return containers
}

function podmanIn(home: string): Containers {
  for (const name of ['store', 'temporary']) mkdirSync(join(home, name), { recursive: true })
  // Cache mounts of builds lie in the temporary directory, and are worth keeping.
  const env = { ...process.env, TMPDIR: join(home, 'temporary') }
  const options = ['--root', join(home, 'store'), '--runroot', join(home, 'run'), '--cgroup-manager', 'cgroupfs', '--runtime', 'runc']
  const podman = async (...words: readonly string[]): Promise<PodmanAnswer> => {
    try {
      return { code: 0, ...await run('podman', [...options, ...words], { env, encoding: 'utf8', maxBuffer: outputBytesMax, timeout: commandMsMax }) }
    } catch (error) {
      const [code, stdout, stderr] = ['code', 'stdout', 'stderr'].map((name): unknown => Reflect.get(Object(error), name))
      if (typeof code !== 'number') throw error
      return { code, stdout: String(stdout), stderr: String(stderr) }
    }
  }
  const succeed = async (...words: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await podman(...words)
    if (code !== 0) throw new Error(`podman ${words.join(' ')} ended with ${code}:\n${stdout.slice(-4_000)}\n${stderr.slice(-4_000)}`)
    return stdout
  }
  return {
    podman,
    succeed,
    build: async (directory, target, name) => {
      await succeed('build', '--isolation', 'chroot', '--pull=never', '--network', 'host', '--format', 'docker', '--target', target, '--tag', name, directory)
    },
    forget: async (...names) => {
      await podman('rmi', '--force', ...names)
      await podman('image', 'prune', '--force')
    },
  }
}

async function hasBase({ podman }: Containers): Promise<boolean> {
  const { code, stdout } = await podman('image', 'inspect', '--format', '{{ index .Labels "recipe" }}', baseImage)
  return code === 0 && stdout.trim() === recipe
}

async function makeBase({ succeed }: Containers, home: string): Promise<void> {
  const directory = mkdtempSync(join(home, 'base-'))
  const root = join(directory, 'root')
  const options = { timeout: commandMsMax, maxBuffer: outputBytesMax }
  try {
    await run('debootstrap', ['--variant=minbase', '--include=ca-certificates', 'bookworm', root], options)
    for (const name of ['var/cache/apt', 'var/lib/apt/lists', 'usr/share/doc', 'usr/share/man', 'usr/share/locale']) rmSync(join(root, name), { recursive: true, force: true })
    copyFileSync(process.execPath, join(root, 'usr/local/bin/node'))
    await run('npm', ['install', '--global', '--prefix', join(root, 'usr/local'), `npm@${npmVersion}`], options)
    // A machine behind a proxy of its own reaches the packages' registry only with that proxy's authority.
    if (existsSync(`/${authorities}`)) copyFileSync(`/${authorities}`, join(root, authorities))
    await run('tar', ['-C', root, '-cf', join(directory, 'root.tar'), '.'], options)
    await succeed('import', '--change', `LABEL recipe=${recipe}`, '--change', `ENV NODE_EXTRA_CA_CERTS=/${authorities}`,
      '--change', 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', join(directory, 'root.tar'), baseImage)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
