import type { Clock } from '../../platform/clock.ts'
import { MillraceError } from '../../platform/errors.ts'
import { checkPolicies } from './check-policies.ts'
import type { Holdings, TopicAdmin, TopicShape } from './topic-admin.ts'

export interface PrepareOptions {
  readonly topic: TopicAdmin
  /** For messages. */
  readonly shown: string
  readonly partitions: number
  readonly clock: Clock
  /** null: the topic is somebody else's to make. */
  readonly make: MakeTopic | null
}

export interface MakeTopic {
  /** The incarnation of a topic that is made is greater, and not before the time of now. */
  readonly incarnationAbove: number
}

export interface PreparedTopic {
  /** When the topic was made, epoch milliseconds: a topic that was deleted and made again is another log. */
  readonly incarnation: number
  /** What was found, in words, for the operator. */
  readonly found: readonly string[]
}

const incarnationProperty = 'millrace-incarnation'
const attemptEveryMs = 50
const attemptsMax = 60

/**
 * Makes the partitioned topic (only with `make`) and, before anything is published, the subscription that keeps the broker
 * from dropping what is not archived; checks them where they are there already. Safe to run by many processes at once.
 * Fails with `bad_config` where the topic has another number of partitions, holds data of something else, or loses data
 * by policy.
 */
export async function prepareTopic(options: PrepareOptions): Promise<PreparedTopic> {
  const { topic, shown, partitions, make } = options
  const shape = (await topic.shape()) ?? (make === null ? null : await created(options, make))
  if (shape === null) throw noTopicYet(shown)
  if (shape.partitions !== partitions) {
    throw new MillraceError('bad_config', `the topic ${shown} has ${shape.partitions} partitions, not ${partitions}; they are fixed: start with --partitions ${shape.partitions}, or name another topic`)
  }
  const held = await holdingsOf(options)
  const incarnation = Number(shape.properties.get(incarnationProperty) ?? (await adopt(options, held)))
  await subscribeAll(options, held)
  const policies = await checkPolicies(topic, shown)
  return { incarnation, found: [`${partitions} partitions, made ${new Date(incarnation).toISOString()}`, ...policies] }
}

/** Of all partitions. Whoever finds the topic while another makes it has to wait for its partitions. */
async function holdingsOf({ topic, shown, partitions, clock }: PrepareOptions): Promise<readonly Holdings[]> {
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const held = await Promise.all(Array.from({ length: partitions }, (_, partition) => topic.holdings(partition)))
    const there = held.filter((holdings) => holdings !== null)
    if (there.length === partitions) return there
    await clock.sleep(attemptEveryMs)
    if (attempt % 10 === 9) await topic.createMissing()
  }
  throw new MillraceError('unavailable', `not all partitions of the topic ${shown} are there yet`, { retryable: true })
}

/** Before the first publish, so that the broker keeps everything that is not archived. Others may do the same at once. */
async function subscribeAll(options: PrepareOptions, first: readonly Holdings[]): Promise<void> {
  const { topic, shown, clock } = options
  let held = first
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const missing = [...held.keys()].filter((partition) => held[partition]?.subscribed === false)
    if (missing.length === 0) return
    if (attempt > 0) await clock.sleep(attemptEveryMs)
    await Promise.all(missing.map((partition) => topic.subscribe(partition)))
    held = await holdingsOf(options)
  }
  throw new MillraceError('unavailable', `the subscription of the topic ${shown} is not there yet`, { retryable: true })
}

async function created({ topic, shown, partitions, clock }: PrepareOptions, make: MakeTopic): Promise<TopicShape | null> {
  const made = await topic.create(partitions, { [incarnationProperty]: newIncarnation(clock, make) })
  const shape = await topic.shape()
  if (shape !== null || made) return shape
  throw new MillraceError('bad_config', `${shown} is a topic without partitions, so not one of Millrace; name another in the URL of the log`)
}

/** A topic made by hand is ours if it is empty. */
async function adopt({ topic, shown, clock, make }: PrepareOptions, held: readonly Holdings[]): Promise<string> {
  if (held.some(({ entries }) => entries > 0)) {
    throw new MillraceError('bad_config', `the topic ${shown} holds data that Millrace did not write; name another topic in the URL of the log`)
  }
  if (make === null) throw noTopicYet(shown)
  const incarnation = newIncarnation(clock, make)
  await topic.setProperties({ [incarnationProperty]: incarnation })
  // Of two processes that adopt it at once the later one wins, for both.
  return (await topic.shape())?.properties.get(incarnationProperty) ?? incarnation
}

function newIncarnation(clock: Clock, { incarnationAbove }: MakeTopic): string {
  return String(Math.max(clock.now(), incarnationAbove + 1))
}

function noTopicYet(shown: string): MillraceError {
  return new MillraceError('unavailable', `there is no topic ${shown} yet; the first process with the role edge makes it`, { retryable: true })
}
