import { accessSync, constants, existsSync, statfsSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname, resolve } from 'node:path'
import { styleText } from 'node:util'
import type { Config } from '../config.ts'
import { connectControl, type ControlClient } from '../control-client.ts'
import { type EngineCheck, engineChecks } from '../engine-checks.ts'
import { MillraceError, messageOf } from '../platform/errors.ts'
import type { Command } from './command.ts'

const freeBytesMin = 1_073_741_824

export const doctorCommand: Command = {
  name: 'doctor',
  usage: 'doctor',
  about: 'checks each configured engine for real and says what to fix; exit code 1 if something is wrong',
  flags: [],
  run: async ({ config, terminal }) => {
    const running = await connectControl(config.data)
    const checks = [...machineChecks(config), ...(running === null ? [portCheck(config), ...engineChecks(config)] : runningChecks(running))]
    let failed = 0
    for (const { name, run } of checks) {
      try {
        terminal.out(`${styleText('green', 'ok  ')}  ${name.padEnd(15)} ${await run()}\n`)
      } catch (error) {
        failed += 1
        terminal.out(`${styleText('red', 'fail')}  ${name.padEnd(15)} ${messageOf(error)}\n`)
      }
    }
    terminal.out(failed === 0 ? 'nothing to fix\n' : `${failed} to fix\n`)
    return failed === 0 ? 0 : 1
  },
}

function machineChecks({ data }: Config): readonly EngineCheck[] {
  return [
    {
      name: 'Node',
      run: async () => {
        const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
        if (major < 22 || (major === 22 && minor < 13)) throw new MillraceError('bad_config', `Node ${process.versions.node} is too old; 22.13 or newer is needed`)
        return process.versions.node
      },
    },
    {
      name: 'data directory',
      run: async () => {
        const place = nearestExisting(data)
        try {
          accessSync(place, constants.W_OK)
        } catch (error) {
          throw new MillraceError('bad_config', `${place} cannot be written; change its owner, or choose another with --data`, { cause: error })
        }
        const { bavail, bsize } = statfsSync(place)
        const free = bavail * bsize
        if (free < freeBytesMin) throw new MillraceError('bad_config', `only ${gibibytes(free)} are free at ${place}; at least 1 GiB is wanted`)
        return `${resolve(data)}${existsSync(data) ? '' : ' (will be made)'}, ${gibibytes(free)} free`
      },
    },
    {
      name: 'clock',
      run: async () => {
        const now = new Date()
        // Older than this program: batteries that ran out start at 1970 or at the board's birthday.
        if (now.getUTCFullYear() < 2026) throw new MillraceError('bad_config', `the clock says ${now.toISOString()}; set it, since events are dated by it`)
        return now.toISOString()
      },
    },
  ]
}

function nearestExisting(path: string): string {
  let place = resolve(path)
  while (!existsSync(place)) place = dirname(place)
  return place
}

function portCheck({ host, port }: Config): EngineCheck {
  return {
    name: 'port',
    run: () => new Promise((found, failed) => {
      const server = createServer()
      server.once('error', (error) => failed(new MillraceError('bad_config', `${host}:${port} cannot be listened on (${error.message}); choose another with --port`)))
      server.listen(port, host, () => server.close(() => found(`${host}:${port} is free`)))
    }),
  }
}

/** What a running collector can say of itself; its engines are in use, so nothing is tried on them but a repeated insert. */
function runningChecks(running: ControlClient): readonly EngineCheck[] {
  return [
    { name: 'collector', run: async () => `runs and takes events at ${String(await running.call('url', {}))}` },
    { name: 'OLAP', run: async () => `ClickHouse ${String(await running.call('proveOlap', {}))}: an insert done twice is stored once` },
    {
      name: 'reconciliation',
      run: async () => {
        const status = Object(await running.call('status', {}))
        if (Reflect.get(status, 'agree') !== true) throw new MillraceError('internal', 'the tiers disagree; millrace status shows where, millrace rebuild olap mends the OLAP tier')
        return Reflect.get(status, 'atRest') === true ? 'all tiers agree' : 'work in progress, no disagreement'
      },
    },
  ]
}

function gibibytes(bytes: number): string {
  return `${(bytes / 1_073_741_824).toFixed(1)} GiB`
}
