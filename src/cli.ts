#!/usr/bin/env node
import { createRequire } from 'node:module'
import { main } from './cli/main.ts'

const { version } = createRequire(import.meta.url)('../package.json') as { readonly version: string }

// Whoever read the log is gone: that is no reason to stop serving.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

const code = await main(
  process.argv.slice(2),
  process.env,
  {
    out: (text) => {
      process.stdout.write(text)
    },
    err: (text) => {
      process.stderr.write(text)
    },
    onSignal: (heard) => {
      process.on('SIGTERM', heard).on('SIGINT', heard)
      return () => {
        process.off('SIGTERM', heard).off('SIGINT', heard)
      }
    },
    onCrash: (heard) => {
      process.on('uncaughtException', heard).on('unhandledRejection', heard)
      return () => {
        process.off('uncaughtException', heard).off('unhandledRejection', heard)
      }
    },
  },
  version,
)
// What hangs on, as a connection to a store that does not answer, must not keep the process.
process.exit(code)
