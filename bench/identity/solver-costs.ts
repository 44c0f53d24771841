import { MemoryIdentity } from '../../collector/test/memory-identity.ts'
import type { Evidence } from '../../collector/src/identity/gather-evidence.ts'
import type { Identifier } from '../../collector/src/identity/identifier.ts'
import { defaultIdentitySettings } from '../../collector/src/identity/identity-settings.ts'
import { type ResolveContext, resolveBatch } from '../../collector/src/identity/resolve-batch.ts'
import { solve } from '../../collector/src/identity/solve.ts'

const batches = 40
const batchEvents = 2_000
const context = { settings: defaultIdentitySettings, identityKey: Buffer.alloc(32, 1) }

/** A small generator of our own, so that every run has the same input (xorshift, Marsaglia 2003). */
let state = 88_675_123
function below(bound: number): number {
  state ^= state << 13
  state ^= state >>> 17
  state ^= state << 5
  return (state >>> 0) % bound
}

function evidence(identifiers: readonly Identifier[], number: number): Evidence {
  return {
    workspace: 1, identifiers, time: number, receivedAt: number, trust: 'public', messageId: `message-${number}`,
    metric: 'Viewed Product',
  }
}

const account = (number: number): Identifier => ({ kind: 'external_id', namespace: '', value: `customer-${number}` })
const email = (number: number): Identifier => ({ kind: 'email', namespace: '', value: `${number}@example.com` })
const visitor = (number: number): Identifier => ({ kind: 'anonymous_id', namespace: '', value: `visitor-${number}` })

let visitors = 1_000_000

/** Browsing of known visitors above all; some sign in, some are new. */
function retail(number: number): Evidence {
  const customer = below(20_000)
  const kind = below(100)
  if (kind < 8) return evidence([visitor(visitors++)], number)
  if (kind < 12) return evidence([account(customer), email(customer), visitor(customer)], number)
  if (kind < 40) return evidence([account(customer), visitor(customer)], number)
  if (kind < 42) return evidence([email(customer), visitor(customer + below(3))], number)
  return evidence([visitor(customer)], number)
}

function knownAccount(customer: number, number: number): Evidence {
  return evidence([account(customer), visitor(customer)], number)
}

function newAccount(customer: number, number: number): Evidence {
  return evidence([account(customer), email(customer), visitor(customer)], number)
}

const workloads: readonly { readonly name: string, readonly next: (number: number) => Evidence }[] = [
  { name: 'retail mix', next: retail },
  { name: 'known visitors', next: (number) => evidence([visitor(below(5_000))], number) },
  { name: 'known accounts', next: (number) => knownAccount(below(5_000), number) },
  { name: 'new visitors', next: (number) => evidence([visitor(visitors++)], number) },
  { name: 'new accounts', next: (number) => newAccount(visitors++, number) },
]

interface Measured {
  readonly evidencePerSecond: number
  readonly rowsPerEvent: number
}

async function measure(next: (number: number) => Evidence): Promise<Measured> {
  const store = new MemoryIdentity()
  let number = 0
  let elapsedMs = 0
  let rows = 0
  const warmUp = Math.ceil(batches / 2)
  for (let batch = 0; batch < batches + warmUp; batch++) {
    const input = Array.from({ length: batchEvents }, () => next(number++))
    const start = processorMs()
    const { changes, profileOf } = await resolveBatch(store, { evidence: input }, context)
    if (batch >= warmUp) {
      elapsedMs += processorMs() - start
      rows += changes.identifiers.length + changes.edges.length + changes.profiles.length
    }
    if (typeof profileOf !== 'function') throw new TypeError('nothing was resolved')
    store.apply(changes)
  }
  return { evidencePerSecond: batches * batchEvents / elapsedMs * 1_000, rowsPerEvent: rows / batches / batchEvents }
}

/** One new edge in an account's component of this many: the solve of it all, in the middle of nine. */
async function solveLarge(edges: number, context: ResolveContext): Promise<number> {
  const store = new MemoryIdentity()
  const input = Array.from({ length: edges }, (_, number) => evidence([account(1), visitor(number)], number))
  store.apply((await resolveBatch(store, { evidence: input }, context)).changes)
  const component = [...store.identifierRows.values()]
  const edgeRows = [...store.edgeRows.values()]
  const taken = Array.from({ length: 9 }, () => {
    const start = processorMs()
    const { verdicts } = solve({ identifiers: component, liveEdges: edgeRows, vetoes: [] }, context.settings)
    if (verdicts.length !== edges) throw new TypeError('not all was solved')
    return processorMs() - start
  })
  return taken.toSorted((x, y) => x - y)[4] ?? Number.NaN
}

/** One account meets ever new anonymous ids, one event a batch. */
async function growStar(edges: number, context: ResolveContext): Promise<number> {
  const store = new MemoryIdentity()
  const start = processorMs()
  for (let number = 0; number < edges; number++) {
    const { changes } = await resolveBatch(store, { evidence: [evidence([account(1), visitor(number)], number)] }, context)
    store.apply(changes)
  }
  return processorMs() - start
}

function processorMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}

/** The solver alone, with rows in memory: no store, no parsing. Processor time throughout. */
export async function solverCosts(): Promise<readonly string[]> {
  const lines = [`identity alone, rows in memory, ${batches} batches of ${batchEvents} events`, '  workload          evidence/s   rows written/event']
  for (const { name, next } of workloads) {
    const { evidencePerSecond, rowsPerEvent } = await measure(next)
    lines.push(`  ${name.padEnd(16)}  ${Math.round(evidencePerSecond).toString().padStart(10)}   ${rowsPerEvent.toFixed(2).padStart(18)}`)
  }
  const unbounded = { ...defaultIdentitySettings, degreeMax: 20_000, limits: { ...defaultIdentitySettings.limits, anonymous_id: 20_000 } }
  const contested = { ...unbounded, limits: { ...unbounded.limits, anonymous_id: 1_000 } }
  const solved = async (settings: typeof unbounded): Promise<string> => (await solveLarge(10_000, { ...context, settings })).toFixed(1)
  lines.push(
    `  star of 10,000 edges grown event by event: ${Math.round(await growStar(10_000, context))} ms, all of them live: ${Math.round(await growStar(10_000, { ...context, settings: unbounded }))} ms (goal: under 1,000)`,
    `  component of 10,000 edges solved: ${await solved(unbounded)} ms all accepted, ${await solved(contested)} ms with 9,000 rejected (goal: under 15)`,
  )
  return lines
}
