#!/usr/bin/env node
import { parseArguments, takeFlags } from './commands/arguments.ts'
import type { Command, Terminal } from './commands/command.ts'
import { automationsCommand } from './commands/automations.ts'
import { demoCommand } from './commands/demo.ts'
import { doctorCommand } from './commands/doctor.ts'
import { eraseCommand } from './commands/erase.ts'
import { importCommand } from './commands/import.ts'
import { keysCommand } from './commands/keys.ts'
import { quarantineCommand } from './commands/quarantine.ts'
import { rebuildCommand } from './commands/rebuild.ts'
import { repairCommand } from './commands/repair.ts'
import { serveCommand } from './commands/serve.ts'
import { splitCommand } from './commands/split.ts'
import { settingsCommand } from './commands/settings.ts'
import { sqlCommand } from './commands/sql.ts'
import { statusCommand } from './commands/status.ts'
import { parseConfig, unknownVariables } from './config.ts'
import { MillraceError, messageOf } from './platform/errors.ts'
import { armFailPoints } from './platform/fail-point.ts'

const commands: readonly Command[] = [serveCommand, demoCommand, sqlCommand, statusCommand, keysCommand, importCommand, automationsCommand, doctorCommand, quarantineCommand, rebuildCommand, repairCommand, splitCommand, eraseCommand, settingsCommand]

const terminal: Terminal = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  isTty: process.stdout.isTTY === true,
  untilStopped: () => new Promise((resolve) => {
    process.once('SIGTERM', () => resolve())
    process.once('SIGINT', () => resolve())
  }),
}

async function main(): Promise<number> {
  const parsed = parseArguments(process.argv.slice(2))
  const command = commands.find((candidate) => candidate.name === parsed.command)
  if (command === undefined) {
    const known = parsed.command === 'help'
    const print = known ? terminal.out : terminal.err
    print(`${known ? '' : `unknown command ${JSON.stringify(parsed.command)}\n`}millrace COMMAND\n${commands.map((entry) => `  ${entry.usage}\n      ${entry.about}`).join('\n')}\n`)
    return known ? 0 : 2
  }
  const { own, config } = takeFlags(parsed, [...command.flags, 'help'])
  if (own.has('help') && command.name !== 'serve') {
    terminal.out(`millrace ${command.usage}\n  ${command.about}\n`)
    return 0
  }
  armFailPoints(process.env)
  for (const name of unknownVariables(process.env)) terminal.err(`warning: ${name} is no setting of millrace; \`millrace serve --help\` lists them\n`)
  return command.run({ arguments: parsed, config: parseConfig({ flags: config, env: process.env }), flags: own, terminal })
}

try {
  process.exitCode = await main()
} catch (error) {
  const code = error instanceof MillraceError ? `${error.code}: ` : ''
  terminal.err(`millrace: ${code}${messageOf(error)}\n`)
  process.exitCode = 1
}
