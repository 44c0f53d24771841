import { createCollector } from '../collector.ts'
import { configTable } from '../config.ts'
import type { Command } from './command.ts'

export const serveCommand: Command = {
  name: 'serve',
  usage: 'serve [--data DIR] [--port 8080] ...   (serve --help lists every setting)',
  about: 'runs the collector',
  flags: ['help'],
  run: async ({ config, flags, terminal }) => {
    if (flags.has('help')) {
      terminal.out(`${configTable()}\n`)
      return 0
    }
    const stopped = terminal.untilStopped()
    const collector = await createCollector(config)
    if (collector.created !== null) {
      const { workspace, writeKey, secretKey } = collector.created
      terminal.out(`keys of workspace ${workspace}, shown this once:\n  write key   ${config.writeKey === null ? writeKey : '(as configured)'}\n` +
        `  secret key  ${config.secretKey === null ? secretKey : '(as configured)'}\n`)
    }
    terminal.out(`millrace ready ${collector.url}\n`)
    await stopped
    await collector.close()
    return 0
  },
}
