import { expect } from 'vitest'
import type { TransportName } from '../../transports/transport.ts'
import { TIMING } from '../../client/timing.ts'
import { ALL, PATHS, every, setUp, upTo } from './set-up.ts'
import type { Scene } from './set-up.ts'

export const PAIRS = ALL.flatMap((from) => ALL.filter((to) => to !== from).map((to) => [from, to] as const))
/** Longest pause that is allowed, ms: the one of polls comes on top of a second. */
const boundMs = (from: TransportName, to: TransportName): number =>
  1_000 + (from === 'poll' || to === 'poll' ? 1.2 * TIMING.pollIntervalMs : 0)

/** The better transports are refused. */
export const onTransport = async (from: TransportName, seed: number): Promise<Scene> => {
  const scene = await setUp({ seed })
  const { clock, network } = scene
  network.latencyMs = () => 5 + 45 * clock.random()
  network.weather = upTo(from)
  return scene
}

/** Refuses and cuts what is better than `to`, or lets it through: then it is climbed to. */
export const force = ({ network }: Scene, to: TransportName): void => {
  network.weather = upTo(to)
  network.cut((connection) => network.weather(connection) === 'refuse')
}

/** Whether this transport has been tried again since there were so many connections. */
const isTried = ({ network }: Scene, to: TransportName, since: number): boolean =>
  network.connections.slice(since).some(({ path, held }) => path === PATHS[to] && (to !== 'long-poll' || held))

export const isDown = (from: TransportName, to: TransportName): boolean => ALL.indexOf(to) > ALL.indexOf(from)

/** One change from one transport to another, under 1,000 messages a second, from its seed. */
export const switchUnderLoad = async (from: TransportName, to: TransportName, seed: number): Promise<void> => {
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
