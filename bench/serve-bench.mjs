// @ts-check

/**
 * Tells the parent where this server listens, and how much processor time it has used whenever the parent asks.
 * @param {import('node:net').AddressInfo | string | null} address
 */
export const serveBench = (address) => {
  if (typeof address !== 'object' || !address) throw new Error('the server has no port')
  process.on('message', (message) => {
    // A regular exit, so that --cpu-prof writes its file.
    if (message === 'stop') process.exit(0)
    const { user, system } = process.cpuUsage()
    process.send?.({ cpuUs: user + system })
  })
  process.on('disconnect', () => process.exit(0))
  process.send?.({ port: address.port })
}
