import { describe, expect, it } from 'vitest'
import type { TransportName } from '../../transports/transport.ts'
import { TIMING } from '../../client/timing.ts'
import { ALL, PATHS, every, setUp, upTo, watchWire } from './set-up.ts'
import type { Scene } from './set-up.ts'

const PAIRS = ALL.flatMap((from) => ALL.filter((to) => to !== from).map((to) => [from, to] as const))
/** Times that each pair is forced. */
const TIMES = process.env['FULL'] ? 100 : 2

/** Longest pause that is allowed, ms: the one of polls comes on top of a second. */
const boundMs = (from: TransportName, to: TransportName): number =>
  1_000 + (from === 'poll' || to === 'poll' ? 1.2 * TIMING.pollIntervalMs : 0)

/** The better transports are refused. */
const onTransport = async (from: TransportName, seed: number): Promise<Scene> => {
  const scene = await setUp({ seed })
  const { clock, network } = scene
  network.latencyMs = () => 5 + 45 * clock.random()
  network.weather = upTo(from)
  return scene
}

/** Refuses and cuts what is better than `to`, or lets it through: then it is climbed to. */
const force = ({ network }: Scene, to: TransportName): void => {
  network.weather = upTo(to)
  network.cut((connection) => network.weather(connection) === 'refuse')
}
/** Whether this transport has been tried again since there were so many connections. */
const isTried = ({ network }: Scene, to: TransportName, since: number): boolean =>
  network.connections.slice(since).some(({ path, held }) => path === PATHS[to] && (to !== 'long-poll' || held))
const isDown = (from: TransportName, to: TransportName): boolean => ALL.indexOf(to) > ALL.indexOf(from)

describe('R18 R1–R4 each change between two transports under 1,000 messages a second', () => {
  it.each(PAIRS)(
    '%s → %s loses, repeats and reorders nothing, and nobody waits for longer than a second, or an interval of polls more',
    async (from, to) => {
      for (let seed = 1; seed <= TIMES; seed++) {
        const scene = await onTransport(from, seed)
        const { clock, network, client, say, historian } = scene
        let lastMs = Infinity
        let pauseMs = 0
        historian.subscribe(client, 'a', {}, () => {
          pauseMs = Math.max(pauseMs, clock.now() - lastMs)
          lastMs = clock.now()
        })
        await scene.online(from)
        // A stable link, or just before the first probe of a better one.
        await clock.advance(isDown(from, to) ? 12_000 : 2_000)
        const load = (ms: number, done?: () => boolean): Promise<void> => every(clock, 10, ms, () => void say(10), done)
        await load(8_000, () => lastMs < Infinity)
        await load(300)
        expect(client.state.transport).toBe(from)
        const since = network.connections.length
        force(scene, to)
        if (!isDown(from, to)) {
          // The seconds until it is tried have nothing to prove: a tenth of the load will do.
          await every(
            clock,
            10,
            45_000,
            () => void say(),
            () => isTried(scene, to, since),
          )
          expect(client.state.transport).toBe(from)
        }
        await load(45_000, () => client.state.transport === to)
        await load(to === 'poll' ? 3_000 : 500)
        await scene.judge(10_000)
        expect([client.state.transport, scene.gaps(), scene.errors]).toEqual([to, [], []])
        expect(scene.offsets().length).toBeGreaterThan(800)
        expect(pauseMs).toBeLessThan(boundMs(from, to))
        client.close()
      }
    },
    600_000,
  )
})

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
