import { ConfigError, readEnvironment } from './config.ts'
import { startDemoServer } from './server.ts'

/** Stops on the first SIGINT or SIGTERM in good order, on the second at once. */
function stopOnSignal(close: () => Promise<void>): void {
  let stopping = false
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (stopping) process.exit(1)
      stopping = true
      console.log('\nStopping: clients are told to come back later.')
      close().then(
        () => process.exit(0),
        (error: unknown) => {
          console.error(error)
          process.exit(1)
        },
      )
    })
  }
}

try {
  const { url, port, close } = await startDemoServer(readEnvironment(process.env))
  stopOnSignal(close)
  console.log(`
  Holdfast is running on port ${port}.

    Start    ${url}/
    Chat     ${url}/chat     open it in two windows
    Lab      ${url}/lab      break the network and watch
    Quotes   ${url}/quotes

  Stop it with Ctrl+C.
`)
} catch (error) {
  if (!(error instanceof ConfigError)) throw error
  console.error(`Holdfast could not start. ${error.message}`)
  process.exitCode = 1
}
