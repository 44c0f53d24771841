import { randomUUID } from 'node:crypto'
import { afterAll, describe, expect, it } from 'vitest'
import { kafkaAccount, startKafka } from '../../scripts/engines/kafka.ts'
import { parseConfig } from '../src/config.ts'
import { engineChecks } from '../src/engine-checks.ts'

const engine = await startKafka()

/** What the doctor says of the log alone. */
async function diagnose(logUrl: string, partitions = 3): Promise<string> {
  const config = parseConfig({ flags: new Map([['log-url', logUrl], ['partitions', String(partitions)]]), env: {} })
  return await engineChecks(config).find(({ name }) => name === 'log')?.run() ?? 'no check'
}

if ('missing' in engine) {
  it.skip(`the doctor on kafka: ${engine.missing}`, () => {})
} else {
  describe('the doctor on a log on kafka', () => {
    afterAll(() => engine.stop())

    it('says that it is well, twice', async () => {
      const url = `${engine.url}/doctor-${randomUUID()}`
      expect(await diagnose(url)).toMatch(/a topic of 3 partitions/)
      expect(await diagnose(url)).toMatch(/a topic of 3 partitions/)
    })

    it('says what is wrong and what to do', async () => {
      const url = `${engine.url}/doctor-${randomUUID()}`
      await diagnose(url)
      await expect(diagnose(url, 4)).rejects.toThrow(/kafka at 127.0.0.1:\d+ has 3 partitions, not 4.*--partitions 3/)
      await expect(diagnose(`kafka://${kafkaAccount.username}:wrong@${engine.passwordHost}/t`)).rejects.toThrow(/kafka at .* refuses the user or the password/)
      await expect(diagnose(`kafka://${engine.tlsHost}/t`)).rejects.toThrow(/kafka at .* add \?tls=true/)
      await engine.kill()
      await expect(diagnose(url)).rejects.toThrow(/kafka at .* nobody listens there/)
      await engine.restart()
      expect(await diagnose(url)).toMatch(/a topic of 3 partitions/)
    })
  })
}
