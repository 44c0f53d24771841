import { connectControl } from '../../collector/src/control-client.ts'
import { testKeys } from '../../collector/test/collector-process.ts'
import { untilAtRest } from '../../collector/test/read-side.ts'
import type { Stage } from './play.ts'

/** After all that was broken: what is made anew from the archive has to be what was there. */
export async function rebuildFaults({ data, running, tiers, restMs }: Pick<Stage, 'data' | 'running' | 'tiers' | 'restMs'>): Promise<readonly string[]> {
  await running.start({})
  try {
    const rest = (): ReturnType<typeof untilAtRest> => untilAtRest(() => running.url, testKeys.secretKey, { accepted: 1, withinMs: restMs })
    await rest()
    const before = { olap: await tiers.olapDigest(), people: await tiers.peopleDigest() }
    const control = await connectControl(data)
    if (control === null) return ['the collector has no control port']
    await control.call('rebuildOlap', {})
    await control.call('rebuildProfiles', {})
    await rest()
    return [
      ...await tiers.olapDigest() === before.olap ? [] : ['the OLAP made anew from the archive is another one'],
      ...await tiers.peopleDigest() === before.people ? [] : ['the profiles made anew from the archive are other ones'],
    ]
  } catch (error) {
    return [`it could not be made anew from the archive: ${String(error)}`]
  } finally {
    await running.stop('SIGTERM')
  }
}
