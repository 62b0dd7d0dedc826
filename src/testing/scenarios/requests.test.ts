import { describe, expect, it } from 'vitest'
import { HoldfastError } from '../../base/errors.ts'
import type { HubRequest } from '../../server/handlers.ts'
import type { TransportName } from '../../transports/transport.ts'
import { createVirtualClient } from '../virtual-client.ts'
import { ALL, setUp, watchWire } from './set-up.ts'
import type { Options } from './set-up.ts'

/** A hub that answers `sum`, `slow` when it is told to, and fails on `broken`. */
const requests = async (transport: TransportName, options: Options = {}) => {
  const scene = await setUp({ transports: [transport], ...options })
  const { network, client } = scene
  const handled: HubRequest[] = []
  const hooks = { handling: (): unknown => undefined }
  let release = (): void => undefined
  const released = new Promise<void>((resolve) => (release = resolve))
  const handle = (): void => {
    network.hub.handle<readonly number[]>('sum', (request) => {
      handled.push(request)
      hooks.handling()
      return request.data.reduce((a, b) => a + b, 0)
    })
    network.hub.handle('slow', async (request) => {
      handled.push(request)
      await released
      return 'at last'
    })
    network.hub.handle('broken', () => {
      throw new Error('a secret')
    })
    network.hub.handle('says-no', () => {
      throw new HoldfastError('forbidden', 'not on Mondays')
    })
  }
  handle()
  const outcome = (asked: Promise<unknown>): { value?: unknown; code?: string; message?: string } => {
    const seen: { value?: unknown; code?: string; message?: string } = {}
    asked.then(
      (value) => (seen.value = value),
      (error: unknown) => Object.assign(seen, { code: (error as HoldfastError).code, message: String(error) }),
    )
    return seen
  }
  client.connect()
  await scene.online(transport)
  return { ...scene, handled, hooks, release, handle, outcome }
}

describe.each(ALL)('§8.12 requests over %s', (transport) => {
  it('are answered, each its own answer, and handled once', async () => {
    const { client, clock, handled, outcome } = await requests(transport)
    const asked = [1, 2, 3].map((n) => outcome(client.request('sum', [n, n])))
    await clock.advance(15_000)
    expect(asked).toEqual([{ value: 2 }, { value: 4 }, { value: 6 }])
    expect(handled.map(({ channel, data, user }) => [channel, data, user])).toEqual([
      ['sum', [1, 1], null],
      ['sum', [2, 2], null],
      ['sum', [3, 3], null],
    ])
    expect(new Set(handled.map(({ id }) => id)).size).toBe(3)
    client.close()
    await clock.advance(60_000)
    expect(clock.pending).toBe(0)
  })

  it('a handler that is slow holds up no publish, and its answer comes over whatever link there is then', async () => {
    const { client, clock, network, release, outcome } = await requests(transport)
    const slow = outcome(client.request('slow', 1))
    const published = outcome(client.publish('a', 1))
    await clock.advance(12_000)
    expect([slow, published]).toEqual([{}, { value: expect.anything() as unknown }])
    network.cut()
    release()
    await clock.advance(15_000)
    expect(slow).toEqual({ value: 'at last' })
    client.close()
  })

  it('R5 one whose ack is lost is sent again, and handled once', async () => {
    const { client, clock, network, handled, hooks, outcome } = await requests(transport)
    await clock.advance(10_000)
    expect(handled).toEqual([])
    const first = outcome(client.request('sum', [0]))
    await clock.advance(12_000)
    expect(first).toEqual({ value: 0 })
    network.latencyMs = () => 200
    const wire = watchWire(clock, network)
    const asked = outcome(client.request('sum', [1, 2]))
    // A WebSocket that is closed brings what was on its way; one that is mute does not.
    let mute = 0
    hooks.handling = () => (mute += network.mute())
    await clock.advance(250)
    expect(handled).toHaveLength(2)
    expect(mute).toBe(transport === 'websocket' ? 1 : 0)
    network.cut()
    network.latencyMs = () => 0
    await clock.advance(25_000)
    expect(wire.up.filter(({ type, reply }) => type === 'publish' && reply === true)).toHaveLength(2)
    expect(asked).toEqual({ value: 3 })
    expect(handled).toHaveLength(2)
    client.close()
  })

  it('what a handler throws is told by code and text, and a failure without its text', async () => {
    const { client, clock, outcome } = await requests(transport)
    const asked = ['says-no', 'broken', 'nobody'].map((channel) => outcome(client.request(channel, 1)))
    await clock.advance(15_000)
    expect(asked.map(({ code }) => code)).toEqual(['forbidden', 'internal', 'not-found'])
    expect(asked[0]?.message).toContain('not on Mondays')
    expect(asked[1]?.message).not.toContain('secret')
    client.close()
  })

  it('R7 without an answer it is unknown; not sent yet, it is aborted or timed out', async () => {
    const { client, clock, network, outcome } = await requests(transport)
    const taken = outcome(client.request('slow', 1, { timeoutMs: 20_000 }))
    const stop = new AbortController()
    const stopped = outcome(client.request('slow', 2, { signal: stop.signal }))
    await clock.advance(12_000)
    stop.abort()
    await clock.advance(9_000)
    expect([taken.code, stopped.code]).toEqual(['unknown', 'unknown'])
    network.weather = () => 'refuse'
    network.cut()
    await clock.advance(10_000)
    const late = outcome(client.request('slow', 3, { timeoutMs: 5_000 }))
    const gone = new AbortController()
    const aborted = outcome(client.request('slow', 4, { signal: gone.signal }))
    gone.abort()
    expect(outcome(client.request('slow', 5, { signal: AbortSignal.abort() }))).toEqual({})
    await clock.advance(6_000)
    expect([late.code, aborted.code]).toEqual(['timeout', 'aborted'])
    client.close()
  })

  it('R20 close() settles those that wait', async () => {
    const { client, clock, outcome } = await requests(transport)
    const taken = outcome(client.request('slow', 1))
    await clock.advance(12_000)
    const fresh = outcome(client.request('slow', 2))
    client.close()
    await clock.advance(0)
    expect([taken.code, fresh.code]).toEqual(['unknown', 'closed'])
    await clock.advance(60_000)
    expect(clock.pending).toBe(0)
    await expect(client.request('slow', 3)).rejects.toThrow(/closed/)
  })

  it('before there was ever a link it waits for one; and gives up in time', async () => {
    const scene = await setUp({ transports: [transport] })
    scene.network.weather = () => 'refuse'
    const outcome: { code?: string } = {}
    scene.client
      .request('x', 1, { timeoutMs: 3_000 })
      .catch((error: unknown) => (outcome.code = (error as HoldfastError).code))
    await scene.clock.advance(4_000)
    expect(outcome.code).toBe('timeout')
    scene.client.close()
  })
})

it('§8.12 S9 the answers of a client can be read by it alone, and nobody can publish there', async () => {
  const { client, clock, network, outcome } = await requests('websocket')
  const wire = watchWire(clock, network)
  void client.request('sum', [1])
  await clock.advance(1_000)
  const channel = wire.down.find(({ channel: name }) => String(name).startsWith('$replies:'))?.['channel'] as string
  const spy = createVirtualClient(clock, network, { transports: ['websocket'] })
  const sub = spy.subscribe(channel, () => undefined)
  const published = outcome(client.publish(channel, { id: 'x', data: 'forged' }))
  const other = outcome(client.subscribe('$requests:sum', () => undefined).ready)
  await clock.advance(10_000)
  expect(sub.state).toMatchObject({ name: 'ended', error: { code: 'forbidden' } })
  expect([published.code, other.code]).toEqual(['forbidden', 'forbidden'])
  await expect(network.hub.publish(channel, { id: 'x' })).rejects.toMatchObject({ code: 'invalid-argument' })
  client.close()
  spy.close()
})
