import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type ConsentAddress, consentChannels, type ConsentRow, consentStatuses } from '../../src/ports/consent.ts'
import type { DecideChanges, Fence } from '../../src/ports/oltp.ts'
import { propertySettings } from '../property-settings.ts'
import { batchRow, t0 } from './batch-row.ts'
import type { OltpUnderTest } from './oltp-contract.ts'
import { changes, identifier, noIdentity, profile, uuid } from './oltp-rows.ts'

function consent(part: Partial<ConsentRow> = {}): ConsentRow {
  return { workspace: 1, identifierKey: uuid(1), channel: 'email', status: 'subscribed', time: t0, messageId: 'm', method: null, receivedAt: t0, trusted: false, ...part }
}

const statement = fc.record({
  workspace: fc.constantFrom(1, 2), identifierKey: fc.constantFrom(uuid(1), uuid(2)), channel: fc.constantFrom(...consentChannels),
  status: fc.constantFrom(...consentStatuses), time: fc.integer({ min: t0, max: t0 + 3 }), method: fc.constantFrom(null, 'checkout'), trusted: fc.boolean(),
})

/** Latest first, the stricter of one instant, then the greater message id; compared here in a way of its own. */
function expected(rows: readonly ConsentRow[], { identifierKey, channel }: ConsentAddress, workspace = 1): readonly ConsentRow[] {
  const strictest = ['suppressed', 'unsubscribed', 'never', 'subscribed']
  return rows
    .filter((row) => row.workspace === workspace && row.identifierKey === identifierKey && row.channel === channel)
    .toSorted((a, b) => b.time - a.time || strictest.indexOf(a.status) - strictest.indexOf(b.status) || (a.messageId < b.messageId ? 1 : -1))
}

/** The latest word, but for what a public key said that is milder than the latest word of a secret key. */
function counts(latestFirst: readonly ConsentRow[]): readonly ConsentRow[] {
  const strictest = ['suppressed', 'unsubscribed', 'never', 'subscribed']
  const bound = latestFirst.find(({ trusted }) => trusted)
  return latestFirst.filter(({ trusted, status }) => trusted || bound === undefined || strictest.indexOf(status) <= strictest.indexOf(bound.status)).slice(0, 1)
}

/** How every OLTP driver keeps what addresses agreed to. */
export function oltpConsentContract(name: string, open: () => Promise<OltpUnderTest>): void {
  describe(`OLTP consent contract: ${name}`, () => {
    let under: OltpUnderTest
    let fence: Fence
    let batch = 0
    const decide = (part: Partial<DecideChanges>): Promise<void> => under.oltp.decide(fence, async (transaction) => {
      for (const { workspace, key } of part.identity?.identifiers ?? []) await transaction.identifiers(workspace, [key])
      batch += 1
      await transaction.apply(changes(batchRow(batch), part))
    })

    beforeEach(async () => {
      under = await open()
      await under.oltp.migrate()
      fence = (await under.oltp.claimPartition(0, 'pump')).fence
      batch = 0
    })
    afterEach(() => under.cleanup())

    it('answers the latest statement of each address, the stricter of one instant, whatever order they come in and however often', async () => {
      let run = 10
      const history = fc.array(statement, { maxLength: 30 }).chain((list) => {
        const named = list.map((one, index) => ({ ...one, messageId: `m${index % 7}-${index}`, receivedAt: t0 }))
        return fc.tuple(fc.constant(named), fc.shuffledSubarray([...named, ...named], { minLength: named.length * 2 }), fc.nat(60))
      })
      await fc.assert(fc.asyncProperty(history, async ([list, mixed, cut]) => {
        run += 2
        // Keys of its own, so that runs share a database.
        const own = (row: ConsentRow): ConsentRow => ({ ...row, identifierKey: row.identifierKey === uuid(1) ? uuid(run) : uuid(run + 1) })
        for (const part of [mixed.slice(0, cut), mixed.slice(cut)]) await decide({ consents: part.map(own) })
        const rows = list.map(own)
        const addresses = [uuid(run), uuid(run + 1)].flatMap((identifierKey) => consentChannels.map((channel) => ({ identifierKey, channel })))
        for (const workspace of [1, 2]) {
          const current = await under.reader.consentsOf(workspace, addresses)
          const best = addresses.flatMap((address) => counts(expected(rows, address, workspace)))
          expect(new Set(current)).toEqual(new Set(best))
          expect(current).toHaveLength(best.length)
          for (const address of addresses) {
            expect(await under.reader.consentHistory({ ...address, workspace, limit: 100 })).toEqual(expected(rows, address, workspace))
          }
        }
      }), propertySettings(15))
    })

    it('takes a secret key\'s word over a public key\'s milder one, and says once what both said', async () => {
      const address = { identifierKey: uuid(9), channel: 'email' } as const
      const current = async (): Promise<readonly ConsentRow[]> => under.reader.consentsOf(1, [address])
      const left = consent({ ...address, status: 'unsubscribed', trusted: true, messageId: 'left' })
      await decide({ consents: [left, consent({ ...address, time: t0 + 10, messageId: 'forged' })] })
      expect(await current()).toEqual([left])
      const spam = consent({ ...address, status: 'suppressed', time: t0 + 20, messageId: 'spam' })
      await decide({ consents: [spam] })
      expect(await current()).toEqual([spam])
      const back = consent({ ...address, time: t0 + 30, messageId: 'back' })
      await decide({ consents: [back] })
      expect(await current()).toEqual([spam])
      await decide({ consents: [{ ...back, trusted: true }, back] })
      expect(await current()).toEqual([{ ...back, trusted: true }])
      await decide({ consents: [back] })
      expect(await current()).toEqual([{ ...back, trusted: true }])
    })

    it('pages through the history of an address', async () => {
      const rows = Array.from({ length: 25 }, (_, index) => consent({ time: t0 + (index % 4), messageId: `m${index}`, status: consentStatuses[index % 3] ?? 'never' }))
      await decide({ consents: rows })
      const seen: ConsentRow[] = []
      for (;;) {
        const below = seen.at(-1)
        const page = await under.reader.consentHistory({ workspace: 1, identifierKey: uuid(1), channel: 'email', limit: 4, ...(below === undefined ? {} : { below }) })
        if (page.length === 0) break
        seen.push(...page)
      }
      expect(seen).toEqual(expected(rows, { identifierKey: uuid(1), channel: 'email' }))
      expect(await under.reader.consentsOf(1, [])).toEqual([])
    })

    it('takes it along when a person is forgotten, and nobody else\'s', async () => {
      await decide({
        identity: { ...noIdentity, identifiers: [identifier(1), identifier(2, { profileId: uuid(300) })], profiles: [profile(100), profile(300)] },
        consents: [consent(), consent({ status: 'unsubscribed', messageId: 'n' }), consent({ identifierKey: uuid(2) }), consent({ workspace: 2 })],
      })
      await decide({ erasures: [{ workspace: 1, id: 'operator:1', at: t0, mode: 'anew', identifierKeys: [uuid(1)] }] })
      expect(await under.oltp.erasures.collectErasure(1, 'operator:1', t0 + 5)).toMatchObject({ collected: { rows: { consent: 2 } } })
      const addresses = [1, 2].map((number) => ({ identifierKey: uuid(number), channel: 'email' }) as const)
      expect(await under.reader.consentsOf(1, addresses)).toEqual([consent({ identifierKey: uuid(2) })])
      expect(await under.reader.consentsOf(2, addresses)).toEqual([consent({ workspace: 2 })])
    })
  })
}
