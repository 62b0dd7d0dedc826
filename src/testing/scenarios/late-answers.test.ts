import { describe, expect, it } from 'vitest'
import type { VirtualClient } from '../virtual-client.ts'
import { createVirtualClient } from '../virtual-client.ts'
import type { VirtualNetwork } from '../virtual-network.ts'
import { setUp } from './set-up.ts'

/** A network whose requests cannot be aborted: their answers come, however late. */
const withoutAbort = (network: VirtualNetwork): VirtualNetwork =>
  Object.create(network, {
    fetch: { value: (url: string, { signal: _, ...init }: RequestInit) => network.fetch(url, init) },
  }) as VirtualNetwork

const WAY_MS = 300

/** A reader whose answer with messages 1 and 2 is on its way when `leave` is called; what comes of it. */
const lateFor = async (transport: 'sse' | 'long-poll' | 'poll', leave: (client: VirtualClient) => void) => {
  const scene = await setUp()
  const { clock, network, historian } = scene
  const arrived: string[] = []
  const client = createVirtualClient(clock, withoutAbort(network), { transports: [transport] })
  network.latencyMs = () => WAY_MS
  historian.subscribe(client, 'a')
  await scene.until(() => client.state.transport === transport)
  const polled = network.connections.length
  if (transport === 'poll') {
    await scene.say(2)
    await scene.until(() => network.connections.length > polled)
    await clock.advance(WAY_MS + 10)
  } else {
    await clock.advance(3_000)
    await scene.say(2)
    await clock.advance(10)
  }
  network.tap = (text, way) => {
    if (way === 'down' && text.includes('"data":')) arrived.push(text)
  }
  leave(client)
  return { ...scene, client, arrived }
}

describe.each(['sse', 'long-poll', 'poll'] as const)('R19 an answer of %s that comes after its abort', (transport) => {
  it('is not heard after disconnect(), and connect() brings what was in it', async () => {
    const { clock, client, arrived, offsets, judge } = await lateFor(transport, (each) => each.disconnect())
    await clock.advance(5_000)
    expect([arrived.length, offsets(), client.state.name]).toEqual([1, [], 'idle'])
    client.connect()
    await judge()
    expect(offsets()).toEqual([1, 2])
    client.close()
  })

  it('is not heard after close()', async () => {
    const { clock, client, arrived, offsets, ofType } = await lateFor(transport, (each) => each.close())
    await clock.advance(60_000)
    expect([arrived.length, offsets(), client.state.name]).toEqual([1, [], 'closed'])
    expect(ofType('unsubscribe')).toHaveLength(1)
  })

  it('changes nothing for the link that came after it', async () => {
    const { clock, client, arrived, offsets, judge, say } = await lateFor(transport, (each) => {
      each.disconnect()
      each.connect()
    })
    await clock.advance(WAY_MS + 50)
    expect([arrived.length, offsets()]).toEqual([1, []])
    await clock.advance(5_000)
    await say(2)
    await judge()
    expect(arrived.length).toBeGreaterThanOrEqual(3)
    expect(offsets()).toEqual([1, 2, 3, 4])
    expect(client.state.transport).toBe(transport)
    client.close()
  })
})
