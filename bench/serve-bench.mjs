// @ts-check

/**
 * Tells the parent where this server listens, and whenever the parent asks how much processor time it has used, or how
 * much memory it needs (with `--expose-gc`), in bytes.
 * @param {import('node:net').AddressInfo | string | null} address
 */
export const serveBench = (address) => {
  if (typeof address !== 'object' || !address) throw new Error('the server has no port')
  process.on('message', (message) => {
    // A regular exit, so that --cpu-prof writes its file.
    if (message === 'stop') process.exit(0)
    if (message === 'memory') {
      globalThis.gc?.()
      const { rss, heapUsed, external } = process.memoryUsage()
      process.send?.({ rss, used: heapUsed + external })
      return
    }
    const { user, system } = process.cpuUsage()
    process.send?.({ cpuUs: user + system })
  })
  process.on('disconnect', () => process.exit(0))
  process.send?.({ port: address.port })
}
