import { describe, expect, it } from 'vitest'
import type { TransportName } from '../../transports/transport.ts'
import { ALL, PATHS, every, setUp, watchWire } from './set-up.ts'
import type { Options } from './set-up.ts'

const LIFE_MS = 60_000

/** Tokens are the time until which they hold, on the clock of the hub. */
const authenticate = ({ token }: { readonly token: string | undefined }) => {
  if (token === undefined || token === 'bad') throw new Error('no')
  return { userId: 'ann', expiresMs: Number(token) }
}

/** The token function of an application that gives each token out until it has so long to live. */
const tokens = (wall: () => number, marginMs: number, takesMs: (asked: number) => Promise<void> | undefined) => {
  const asked: string[] = []
  let current = 0
  const token = async ({ reason }: { readonly reason: string }): Promise<string> => {
    asked.push(reason)
    await takesMs(asked.length)
    if (reason === 'refused' || current - wall() <= marginMs) current = wall() + LIFE_MS
    return String(current)
  }
  return { asked, token }
}

interface Session extends Options {
  readonly marginMs?: number
  readonly takesMs?: (asked: number) => Promise<void> | undefined
}

const scene = async (
  transport: TransportName,
  { marginMs = 45_000, takesMs = () => undefined, ...rest }: Session = {},
) => {
  let wall = (): number => 0
  const { asked, token } = tokens(() => wall(), marginMs, takesMs)
  const made = await setUp({ transports: [transport], hub: { authenticate, allowMissingOrigin: true }, token, ...rest })
  wall = made.clock.wall
  const states: string[] = []
  made.client.on('state', ({ name }) => states.push(name))
  return { ...made, asked, states, wire: watchWire(made.clock, made.network) }
}
const both = (name: string) => name === 'websocket' || name === 'sse'

describe.each(ALL)('S8 over %s', (transport) => {
  it('renewal loses nothing, repeats nothing, and is no outage', async () => {
    const { clock, client, asked, states, errors, judge, say, subscribe, online, fromClient } = await scene(transport)
    subscribe()
    await online(transport)
    states.length = 0
    await every(clock, 250, 4 * LIFE_MS, () => {
      void say()
      void fromClient.publish('a')
    })
    await judge()
    expect(asked.length).toBeGreaterThanOrEqual(4)
    expect(asked.length).toBeLessThanOrEqual(10)
    expect(errors).toEqual([])
    expect(client.state.transport).toBe(transport)
    // A poll that is not held cannot be told beforehand: its next request is refused, once.
    if (transport === 'poll') expect(new Set(asked)).toEqual(new Set(['connect', 'refused']))
    else expect([new Set(asked), states]).toEqual([new Set(['connect']), []])
  })

  it('a token that is given out to its very end costs a new link, and no message', async () => {
    const { clock, client, asked, errors, judge, say, subscribe, online } = await scene(transport, { marginMs: 0 })
    subscribe()
    await online(transport)
    await every(clock, 250, 3 * LIFE_MS, () => void say())
    await judge()
    expect(errors).toEqual([])
    expect(asked.length).toBeLessThanOrEqual(15)
    expect(client.state.transport).toBe(transport)
  })

  it('nothing arrives after its time when there is no other token, and the application is told', async () => {
    const all = await scene(transport, {
      marginMs: 45_000,
      takesMs: (asked) => (asked > 1 ? Promise.reject(new Error('logged out')) : undefined),
    })
    const { clock, client, wire, errors, say, subscribe, online } = all
    subscribe()
    await online(transport)
    const beganMs = clock.now()
    await every(clock, 100, LIFE_MS + 6_000, () => void say())
    const late = wire.down.filter(({ type, atMs }) => type === 'run' && atMs > LIFE_MS)
    expect(late).toEqual([])
    expect(beganMs).toBeLessThan(5_000)
    expect(new Set(errors)).toEqual(new Set(['token-failed']))
    expect(client.state.name).not.toBe('online')
  })

  it('the hub refuses what it is given again: the application is told once, and no link is tried any more', async () => {
    const expiresMs = 1_700_000_000_000 + LIFE_MS
    const all = await scene(transport, { token: () => String(expiresMs) })
    const { clock, client, wire, network, errors, say, subscribe, online } = all
    subscribe()
    await online(transport)
    await every(clock, 100, LIFE_MS + 10_000, () => void say())
    expect(errors).toEqual(['unauthorized'])
    expect(client.state.name).toBe('idle')
    expect(wire.down.filter(({ type, atMs }) => type === 'run' && atMs > LIFE_MS)).toEqual([])
    const tried = network.connections.length
    await clock.advance(60_000)
    expect(network.connections).toHaveLength(tried)
  })

  it('a refresh that takes 20 s costs no message', async () => {
    const all = await scene(transport, {
      takesMs: (asked) => (asked > 1 ? new Promise((resolve) => void all.clock.after(20_000, resolve)) : undefined),
    })
    const { clock, errors, judge, say, subscribe, online } = all
    subscribe()
    await online(transport)
    await every(clock, 250, 2 * LIFE_MS, () => void say())
    await judge()
    expect(errors).toEqual([])
  })

  it('a token that expired while the page slept costs no message', async () => {
    const { clock, errors, client, judge, say, subscribe, online } = await scene(transport)
    subscribe()
    await online(transport)
    await say(3)
    clock.sleep(3 * LIFE_MS)
    client.signal('visible')
    await say(3)
    await online(transport)
    await judge()
    expect(errors).toEqual([])
  })

  it('publishes that are on their way when it expires are appended once', async () => {
    const all = await scene(transport, { marginMs: 0 })
    const { clock, network, judge, subscribe, online, fromClient, ofType } = all
    network.latencyMs = () => 400
    subscribe()
    await online(transport)
    let sent = 0
    await every(clock, 50, LIFE_MS + 5_000, () => {
      sent++
      void fromClient.publish('a')
    })
    await judge()
    expect(ofType('append')).toHaveLength(sent)
    expect(ofType('pub.ok')).toHaveLength(sent)
  })

  it('a user who is revoked and may still comes back with another token, and misses nothing', async () => {
    const { clock, network, asked, errors, judge, say, subscribe, online } = await scene(transport, { marginMs: 0 })
    subscribe()
    await online(transport)
    await clock.advance(12_000)
    const before = asked.length
    let step = 0
    await every(clock, 250, 10_000, () => {
      void say()
      if (step++ === 20) void network.hub.revoke({ userId: 'ann' })
    })
    // Each request of a poll that is not held authenticates anyway.
    expect(asked.length - before).toBe(transport === 'poll' ? 0 : 1)
    await judge()
    expect(errors).toEqual([])
  })

  it('a request from then on is not opened with it', async () => {
    const { clock, network, wire, subscribe, online } = await scene(transport)
    subscribe()
    await online(transport)
    await clock.advance(3 * LIFE_MS)
    const hellos = wire.up.filter(({ type }) => type === 'hello')
    const stale = hellos.filter(({ token, atMs }) => Number(token) <= 1_700_000_000_000 + atMs)
    // Only polls begin requests of their own, and their links are not told of the end where nothing is held.
    expect(stale.length).toBeLessThanOrEqual(both(transport) ? 0 : 3)
    expect(network.connections.some(({ path }) => path === PATHS[transport])).toBe(true)
  })
})
