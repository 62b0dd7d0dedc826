import { describe, expect, it } from 'vitest'
import { formatPosition } from '../../protocol/position.ts'
import { every, setUp, watchWire } from './set-up.ts'
import type { Options, Scene, WireFrame } from './set-up.ts'

/** How long a way takes on each path, ms. */
type Ways = Readonly<Record<'' | '/stream' | '/poll' | '/publish', number>>

/** The hub publishes every 7 ms for so long. */
const flow = ({ clock, fromHub }: Scene, ms: number, pad = ''): Promise<void> =>
  every(clock, 7, ms, () => void fromHub.publish('a', pad))
const withRef = (frames: readonly WireFrame[], type: string): WireFrame[] =>
  frames.filter((frame) => frame.type === type && frame['ref'] !== undefined)

describe('R26 R1–R3 two links that answer one start', () => {
  const race = async (ways: Ways, options: Options = {}) => {
    const scene = await setUp(options)
    const wire = watchWire(scene.clock, scene.network)
    await scene.say(5)
    scene.network.latencyMs = ({ path }) => ways[path]
    scene.subscribe()
    await flow(scene, 2_000)
    await scene.judge()
    return { ...scene, wire }
  }

  it.each([
    [
      'the first read, then the WebSocket',
      ['/poll', ''],
      { '': 60, '/stream': 100, '/poll': 100, '/publish': 100 },
      {},
    ],
    [
      'the WebSocket, then the first read',
      ['', '/poll'],
      { '': 50, '/stream': 500, '/poll': 300, '/publish': 100 },
      {},
    ],
    [
      'the stream, then the WebSocket',
      ['/stream', ''],
      { '': 200, '/stream': 270, '/poll': 300, '/publish': 100 },
      { firstRead: false, transports: ['websocket', 'sse'] },
    ],
  ] as const)(
    '%s: the first answer is the start, and nothing after it is lost or comes twice',
    async (_, order, ways, options) => {
      const { wire, ofType, offsets, gaps } = await race(ways, options)
      const asked = wire.up.filter((frame) => JSON.stringify(frame).includes('"from":"latest"'))
      const [one, two] = withRef(wire.down, 'run')
      expect(asked).toHaveLength(2)
      expect([one?.path, two?.path]).toEqual(order)
      expect(one?.['after']).not.toBe(two?.['after'])
      const [start] = ofType('subscribe')
      expect(start && formatPosition(start.position)).toBe(one?.['after'])
      expect(offsets().length).toBeGreaterThan(100)
      expect(gaps()).toEqual([])
    },
  )
})

describe('§3.9 R4 two links that meet one gap', () => {
  const ways: Ways = { '': 60, '/stream': 100, '/poll': 100, '/publish': 100 }

  /** Its reader is at 5 when everything is cut, and back when `away` is over. */
  const meet = async (away: (scene: Scene) => Promise<void>, options: Options, pad = '') => {
    const scene = await setUp(options)
    const { clock, network, client, say } = scene
    scene.subscribe()
    await scene.online('websocket')
    await say(5)
    await clock.advance(20_000)
    network.weather = () => 'refuse'
    expect(network.cut()).toBe(1)
    await away(scene)
    const wire = watchWire(clock, network)
    network.weather = () => 'clear'
    network.latencyMs = ({ path }) => ways[path]
    client.signal('network')
    await flow(scene, 500, pad)
    await scene.judge()
    const met = wire.down.filter(({ type }) => type === 'gap')
    // R24: both links told it, of the same position.
    expect(new Set(met.map(({ path }) => path))).toEqual(new Set(['', '/poll']))
    expect(met[0]?.['from']).toBe(met[1]?.['from'])
    return { ...scene, met }
  }

  it('is told once when history was too short', async () => {
    const { met, ofType } = await meet(({ say }) => say(150), { messages: 100, hub: { limits: { tailMessages: 50 } } })
    const [gap, ...more] = ofType('gap')
    expect([gap && formatPosition(gap.from), gap?.reason, more]).toEqual([met[0]?.['from'], 'trimmed', []])
  })

  it('is told once when the log began again', async () => {
    const { gaps } = await meet(async ({ network, newLife, say }) => {
      network.restart()
      await newLife()
      await say(3)
    }, {})
    expect(gaps()).toEqual(['epoch'])
  })

  it('the second of them, which goes further, is not told but read for from the own position', async () => {
    // Four messages are a page, and the log moves on by eleven between the answers.
    const pad = 'x'.repeat(60_000)
    const { met, ofType } = await meet(
      async ({ fromHub }) => {
        for (let i = 0; i < 30; i++) await fromHub.publish('a', pad)
      },
      { messages: 20 },
      pad,
    )
    expect(met[1]?.['to']).not.toBe(met[0]?.['to'])
    const told = ofType('gap').map(({ from }) => formatPosition(from))
    expect(told.filter((from) => from === met[0]?.['from'])).toHaveLength(1)
    expect(told).toHaveLength(2)
  })
})

describe('R13 R26 a run of the old branch that comes after the gap of a lost tail', () => {
  it.each([1, 2, 5])('is refused when the new branch has %i messages', async (count) => {
    const scene = await setUp({ transports: ['sse'], firstRead: false })
    const { clock, network, client, historian, store, say, offsets, gaps } = scene
    let wayMs = 10
    network.latencyMs = () => wayMs
    scene.subscribe()
    await scene.online('sse')
    await say(6)
    await clock.advance(20)
    expect(offsets().at(-1)).toBe(6)
    const wire = watchWire(clock, network)

    // Two more are on a slow way when they are lost, and a quick second stream tells it before they arrive.
    wayMs = 100
    await say(2)
    await clock.settle()
    const after = store().loseTail('a', 3)
    if (after) historian.add({ type: 'lost-tail', channel: 'a', after })
    wayMs = 10
    await say(count)
    client.signal('network')
    await clock.advance(150)
    const at = wire.down.findIndex(({ type }) => type === 'gap')
    const late = wire.down.findIndex(({ type, after: from }) => type === 'run' && from === wire.down[at]?.['from'])
    expect(at).toBeGreaterThanOrEqual(0)
    expect(late).toBeGreaterThan(at)
    expect(gaps()).toEqual(['lost-tail'])

    await say(3)
    await scene.judge()
    expect(offsets().slice(6)).toEqual([6 + count, 7 + count, 8 + count])
    expect(gaps()).toEqual(['lost-tail'])
  })
})
