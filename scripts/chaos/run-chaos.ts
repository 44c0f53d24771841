import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { randomFrom } from '../../collector/test/kill-at-random.ts'
import { WebhookReceiver } from '../../collector/test/webhook-receiver.ts'
import { setUpCarts, setUpNamesakes } from './activities.ts'
import { LossyDisk, withoutLossyDisk } from './disk/lossy-disk.ts'
import type { ChaosEngines } from './engines.ts'
import { KeptRunning } from './kept-running.ts'
import { leftDirectories, ownDirectory } from './own-directory.ts'
import { type Kinds, type Lifetime, planOf } from './plan.ts'
import { rebuildFaults } from './rebuild-faults.ts'
import { resultOf, Results } from './results.ts'
import { play, type Stage } from './play.ts'
import { Tiers } from './tiers.ts'

export interface ChaosOptions {
  readonly runs: number
  /** How often each in a lifetime. */
  readonly times: number
  readonly seed: number
  readonly point: string | null
  readonly kinds: Kinds
  /** Where results are kept, and read from if the run was broken off; null for nowhere. */
  readonly results: string | null
  /** No lifetime begins after so long. */
  readonly minutes: number
  /** Whether the data directory is on a disk that can lose its power, where there can be one; without it everything is faster. */
  readonly power: boolean
  /** An area of the data directory whose syncs are answered and not done; null for none. */
  readonly deafTo: string | null
  /** Not closed by the run. */
  readonly engines: ChaosEngines
  readonly print: (line: string) => void
}

const webhookSecret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
const flags = ['--object-delay-ms', '50', '--load-delay-ms', '50', '--object-bytes-max', '65536', '--webhook-allow-private', '--log-level', 'error']

const restMs = 90_000
/** Where losses are wanted, nobody has to wait long for what is lost. */
const deafRestMs = 10_000

/** Prints the table; answers how many lifetimes are wrong. One data directory and one collector after another for all of it. */
export async function runChaos(options: ChaosOptions): Promise<number> {
  const { runs, times, seed, point, kinds, engines, print } = options
  const missing = options.power ? withoutLossyDisk() : 'not wanted'
  const randomOf = (lifetime: string): (() => number) => randomFrom(seed + crc32(lifetime))
  const plan = planOf({ runs, times, point, kinds, power: missing === null, without: engines.without, spooling: engines.way !== null, randomOf })
  print(`seed ${seed}`)
  if (missing !== null) print(`no power losses: ${missing}`)
  const disk = missing === null ? await LossyDisk.mount() : null
  try {
    // ClickHouse leaves names to the journal of the file system.
    disk?.keepJournalOf('olap')
    return await withStage(disk, options, (stage) => playAll(stage, plan, { ...options, randomOf }))
  } finally {
    await disk?.unmount()
    if (disk !== null) print(`${disk.lost.times} times without power: ${disk.lost.pages} pages and ${disk.lost.names} names were not synced and lost`)
  }
}

async function withStage(disk: LossyDisk | null, { seed, deafTo, engines }: ChaosOptions, work: (stage: Stage) => Promise<number>): Promise<number> {
  for (const left of leftDirectories('chaos')) rmSync(left, { recursive: true, force: true })
  const files = ownDirectory('chaos')
  const data = join(disk?.directory ?? files, 'data')
  const receiver = new WebhookReceiver(webhookSecret)
  const running = new KeptRunning({
    data, flags, disk, random: randomFrom(seed),
    environment: { ...engines.environment, NODE_COMPILE_CACHE: join(tmpdir(), 'millrace-chaos-compiled'), ...disk === null ? {} : { CHAOS_DISK: disk.directory } },
  })
  // Where this process fails or is told to end; what it started would go on otherwise.
  const leave = (): void => {
    running.leave()
    rmSync(files, { recursive: true, force: true })
  }
  process.once('exit', leave)
  try {
    const url = await receiver.start()
    await running.start({})
    await setUpCarts({ running }, { url, secret: webhookSecret })
    const namesakes = await setUpNamesakes({ running, data })
    await running.stop('SIGTERM')
    const tiers = new Tiers(data, engines.store(data))
    return await work({ data, files, running, disk, receiver, tiers, restMs: deafTo === null ? restMs : deafRestMs, engines, namesakes })
  } finally {
    await running.stop('SIGKILL').catch(() => undefined)
    await receiver.close()
    process.off('exit', leave)
    leave()
  }
}

interface Playing extends ChaosOptions {
  readonly randomOf: (lifetime: string) => () => number
}

async function playAll(stage: Stage, plan: readonly Lifetime[], { results: path, minutes, deafTo, randomOf, print }: Playing): Promise<number> {
  const begin = performance.now()
  const seconds = (since: number): number => Math.round((performance.now() - since) / 1_000)
  const results = new Results(path)
  const calm = await play(stage, { name: 'calm', arms: [], kills: 0, random: randomOf('calm') }, null)
  for (const fault of calm.faults) print(`  without anything broken: ${fault}`)
  if (deafTo !== null) stage.disk?.beDeafTo(deafTo)
  for (const lifetime of plan.filter(({ name }) => !results.has(name))) {
    if (performance.now() - begin > minutes * 60_000) break
    const since = performance.now()
    const outcome = await play(stage, { ...lifetime, random: randomOf(lifetime.name) }, 'calm').catch((error: unknown) => String(error))
    if (typeof outcome === 'string') {
      // A collector that does not start any more, for one; nothing can go on after it.
      print(`${lifetime.name}: ${outcome}`)
      return 1
    }
    const result = resultOf(lifetime, outcome)
    results.add(result)
    print(`${lifetime.name}: ${Object.entries(result.broken).map(([point, runs]) => `${point} ${runs}`).join(', ')}; ${result.lost} lost, ${result.doubled} doubled, ${seconds(since)} s`)
    for (const fault of result.faults) print(`  ${fault}`)
  }
  const closing = deafTo === null ? await rebuildFaults(stage) : []
  for (const fault of closing) print(`  in the end: ${fault}`)
  for (const line of results.table()) print(line)
  const wrong = calm.faults.length + closing.length + results.all.filter(({ lost, doubled, faults }) => lost + doubled + faults.length > 0).length
  const left = plan.filter(({ name }) => !results.has(name)).length
  print(`${results.broken} times broken, ${seconds(begin)} s for this part; ${wrong === 0 ? 'every invariant holds' : `${wrong} lifetimes are wrong`}${left === 0 ? '' : `; ${left} lifetimes are left`}`)
  return wrong
}
