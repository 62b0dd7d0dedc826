import { describe, expect, it } from 'vitest'
import { every, watchWire } from './set-up.ts'
import { PAIRS, force, isDown, onTransport } from './switch-under-load.ts'

describe('R6 R7 R18 publishes under way at each change between two transports', () => {
  it.each(PAIRS)(
    '%s → %s: each is appended once, in order, and acknowledged',
    async (from, to) => {
      const scene = await onTransport(from, 1)
      const { clock, network, client, fromClient } = scene
      scene.subscribe()
      await scene.online(from)
      await clock.advance(isDown(from, to) ? 12_000 : 4_000)
      network.latencyMs = () => 100
      const wire = watchWire(clock, network)
      const flow = (ms: number, done?: () => boolean): Promise<void> =>
        every(clock, 10, ms, () => void fromClient.publish('a'), done)
      await flow(1_000)
      expect(client.state.transport).toBe(from)
      force(scene, to)
      await flow(45_000, () => client.state.transport === to)
      await flow(1_000)
      await scene.judge(10_000)
      expect([client.state.transport, scene.gaps(), scene.errors]).toEqual([to, [], []])
      expect([scene.ofType('pub.unknown'), scene.ofType('pub.fail')]).toEqual([[], []])
      // R24: some were sent before the change and, without an answer, after it once more.
      const sent = wire.up.flatMap(({ type, sequence }) => (type === 'publish' ? [sequence] : []))
      expect(sent.length).toBeGreaterThan(new Set(sent).size)
    },
    60_000,
  )
})
