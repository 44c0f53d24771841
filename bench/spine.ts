/**
 * The whole path on the embedded engines: a retail file over HTTP, one event a line, until every tier has every event.
 * `--file PATH|-` (the example's sample unless told), `--kills N --seed S` kills processes with SIGKILL at random
 * moments, `--times N` sends it N times, `--latency SECONDS` measures from acknowledgement to visibility at a third of the rate just reached.
 */
import { runSpine } from './spine/run-spine.ts'
import { spineFlags } from './spine/spine-flags.ts'

await runSpine(spineFlags().options)
