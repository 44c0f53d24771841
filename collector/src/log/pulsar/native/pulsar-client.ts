import type { Client } from 'pulsar-client'
import { MillraceError, messageOf } from '../../../platform/errors.ts'
import { optionalPackage } from '../../../platform/optional-package.ts'
import type { PulsarAddress } from '../pulsar-address.ts'

const load = () => import('pulsar-client')

export type PulsarPackage = Awaited<ReturnType<typeof load>>['default']

/**
 * The native client. Fails with `package_missing` and the command to run where the package is not installed, or where
 * its native part is not there because installers do not run a package's scripts unasked.
 */
export async function loadPulsarPackage(): Promise<PulsarPackage> {
  try {
    return (await optionalPackage('native Pulsar', 'pulsar-client', load)).default
  } catch (error) {
    if (!(error instanceof MillraceError) || !/\.node\b/.test(messageOf(error.cause))) throw error
    throw new MillraceError('package_missing',
      'the package pulsar-client is there without its native part; complete it with `npm rebuild pulsar-client` (pnpm: `pnpm approve-builds`, then `pnpm rebuild pulsar-client`), or name the broker as pulsar+ws://', { cause: error })
  }
}

/** A client of its own connection and threads. */
export function makeClient(pulsar: PulsarPackage, address: PulsarAddress): Client {
  return new pulsar.Client({
    serviceUrl: address.service,
    operationTimeoutSeconds: 10,
    connectionTimeoutMs: 5_000,
    ioThreads: 1,
    messageListenerThreads: 1,
    // It would write to standard output otherwise.
    log: () => {},
    logLevel: pulsar.LogLevel.ERROR,
    ...(address.token() === null ? {} : { authentication: new pulsar.AuthenticationToken({ token: () => address.token() ?? '' }) }),
    ...(address.trustFile === null ? {} : { tlsTrustCertsFilePath: address.trustFile }),
    ...(address.service.startsWith('pulsar+ssl') ? { tlsValidateHostname: true } : {}),
  })
}

/** What a failed call of the native client means. */
export function nativeFailure(shown: string, error: unknown): MillraceError {
  const words = messageOf(error)
  if (/Authentication|Authorization|NotAllowed/.test(words)) {
    return new MillraceError('bad_config', `Pulsar at ${shown} does not take the token: ${words}`, { cause: error })
  }
  return new MillraceError('unavailable', `Pulsar at ${shown}: ${words}`, { retryable: true, cause: error })
}

