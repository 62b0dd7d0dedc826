import { ConfigError, StartError } from './config-error.ts'
import { didYouMean } from './did-you-mean.ts'
import { readFlags } from './flags.ts'
import { helpText } from './help.ts'
import { printedConfig } from './print-config.ts'
import { quoted } from './quoted.ts'
import { readSettings } from './read-settings.ts'
import type { Variables } from './effective.ts'
import { serve } from './serve.ts'
import type { Io } from './serve.ts'

const USAGE = `holdfast serve    runs a hub as a server of its own; holdfast serve --help says more
holdfast --version
`

/** The program `holdfast`. Resolves with the exit code: 0, 1 for what failed, 2 for what was asked for wrongly. */
export const main = async (args: readonly string[], env: Variables, io: Io, version: string): Promise<number> => {
  const [command, ...rest] = args
  if (command === 'serve') return runServe(rest, env, io, version)
  if (command === '--version' || command === '-v') {
    io.out(`${version}\n`)
    return 0
  }
  if (command === undefined || command === '--help' || command === '-h' || command === 'help') {
    io.out(USAGE)
    return command === undefined ? 2 : 0
  }
  io.err(
    `holdfast: ${quoted(command)} is not a command.${didYouMean(command, ['serve', '--help', '--version'])}\n${USAGE}`,
  )
  return 2
}

const runServe = async (args: readonly string[], env: Variables, io: Io, version: string): Promise<number> => {
  try {
    const flags = readFlags(args)
    if (flags.actions.has('help')) {
      io.out(helpText())
      return 0
    }
    if (flags.actions.has('version')) {
      io.out(`${version}\n`)
      return 0
    }
    const settings = await readSettings(flags, env)
    if (!flags.actions.has('print-config')) return await serve(settings, io)
    for (const warning of settings.warnings) io.err(`holdfast: ${warning}\n`)
    io.out(printedConfig(settings))
    return 0
  } catch (error) {
    if (error instanceof ConfigError) {
      io.err(error.problems.map((problem) => `holdfast: ${problem}\n`).join(''))
      return 2
    }
    if (!(error instanceof StartError)) throw error
    io.err(`holdfast: ${error.message}\n`)
    return 1
  }
}
