import { MillraceError } from '../../collector/src/platform/errors.ts'
import type { Machine } from './machine.ts'
import type { Fate, StoreName, Weather } from './weather.ts'

/** One way from the process of the product to the stores. */
export interface Link {
  readonly machine: Machine
  readonly weather: Weather
}

export interface Request<T> {
  readonly store: StoreName
  readonly name: string
  /** What the store does, at one instant or waiting in the store. */
  readonly perform: () => T | Promise<T>
  /** What the caller hears of a request whose answer is lost; of itself that the store is away. */
  readonly lost?: () => MillraceError
  /** How much likelier than others it fails; 1 if left out. */
  readonly weight?: number
  /** Told where the store never got the request. */
  readonly missed?: () => void
  /** Fates that the request cannot have, and what it has instead. */
  readonly instead?: Partial<Readonly<Record<Fate, Fate>>>
}

interface Settled<T> {
  resolve(value: T): void
  reject(error: unknown): void
}

const fateNames: Readonly<Record<Exclude<Fate, 'done'>, string>> = {
  refused: 'requests not done', unknown: 'requests done and reported as failed', late: 'requests reported as failed and done later', twice: 'requests done twice',
  'dead-before': 'deaths before a request is done', 'dead-after': 'deaths before its answer', 'still-before': 'standstills before a request leaves', 'still-after': 'standstills before its answer',
}

export function away(store: StoreName): MillraceError {
  return new MillraceError('unavailable', `the simulated ${store} is away`, { retryable: true })
}

/** Sends a request to a store; what becomes of it, and when, is the weather's. */
export function send<T>(link: Link, request: Request<T>): Promise<T> {
  const { machine, weather } = link
  const { world } = machine
  const drawn = weather.fateAt(request.store, request.weight ?? 1)
  const fate = request.instead?.[drawn] ?? drawn
  return new Promise<T>((resolve, reject) => {
    const settled: Settled<T> = { resolve, reject }
    if (fate !== 'done') {
      world.note(`${machine.name} ${request.store}.${request.name} will be ${fate}`)
      world.count(fateNames[fate])
    }
    if (fate === 'still-before') machine.standStill(weather.standstill())
    if (fate === 'late') {
      weather.later(() => void perform(link, request))
      answer(link, request, () => reject(lostError(request)))
      return
    }
    if (fate === 'refused') {
      request.missed?.()
      answer(link, request, () => reject(lostError(request)))
      return
    }
    // What leaves late leaves after the standstill, when the process is dead or alive.
    const leavesIn = Math.max(0, machine.stoppedUntil - world.now)
    world.after(leavesIn + weather.onTheWay(request.store), () => void arrive(link, request, { fate, settled }))
  })
}

async function arrive<T>(link: Link, request: Request<T>, { fate, settled }: { readonly fate: Fate; readonly settled: Settled<T> }): Promise<void> {
  const { machine, weather } = link
  const { world } = machine
  // The connection of a dead process may have ended before the request got through.
  if (!machine.alive && world.choices.chance(0.5)) return
  if (fate === 'dead-before') {
    machine.die(`before ${request.store}.${request.name}`)
    return
  }
  const isAway = weather.isAway(request.store)
  if (isAway) request.missed?.()
  const outcome = isAway ? { error: lostError(request) } : await perform(link, request)
  if (fate === 'dead-after') machine.die(`after ${request.store}.${request.name}`)
  if (fate === 'still-after') machine.standStill(weather.standstill())
  if (fate === 'twice') weather.later(() => void perform(link, request))
  answer(link, request, () => {
    if (fate === 'unknown') settled.reject(lostError(request))
    else if ('error' in outcome) settled.reject(outcome.error)
    else settled.resolve(outcome.value)
  })
}

async function perform<T>({ machine }: Link, { store, name, perform: work }: Request<T>): Promise<{ readonly value: T } | { readonly error: unknown }> {
  try {
    const value = await work()
    machine.world.note(`${machine.name} ${store}.${name}`)
    return { value }
  } catch (error) {
    machine.world.note(`${machine.name} ${store}.${name} fails: ${String(error)}`)
    if (error instanceof MillraceError && error.code === 'epoch_lost') machine.world.count('writes of an overtaken owner, refused')
    if (!(error instanceof MillraceError)) machine.world.violated(`${store}.${name} failed as no store does: ${error instanceof Error ? error.stack : String(error)}`)
    return { error }
  }
}

function answer({ machine, weather }: Link, { store }: { readonly store: StoreName }, tell: () => void): void {
  machine.after(weather.onTheWay(store), tell)
}

function lostError<T>({ store, lost = () => away(store) }: Request<T>): MillraceError {
  return lost()
}
