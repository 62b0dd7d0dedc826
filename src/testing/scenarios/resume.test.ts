import { describe, expect, it } from 'vitest'
import type { Position } from '../../client/types.ts'
import type { TransportName } from '../../transports/transport.ts'
import { createVirtualClient } from '../virtual-client.ts'
import { ALL, setUp } from './set-up.ts'
import type { Options, Scene } from './set-up.ts'

/** The tail keeps so little that who comes back is served by the store. */
const SMALL_TAIL = { limits: { tailMessages: 2 } }

/** A reader of `a` on one transport. */
const reader = async (transport: TransportName, options: Options = {}): Promise<Scene> => {
  const scene = await setUp({ transports: [transport], ...options })
  scene.subscribe()
  await scene.online(transport)
  return scene
}

/** Cuts everything, lets nothing through while `meanwhile` and the time last, and is online again. */
const away = async (scene: Scene, transport: TransportName, ms: number, meanwhile: () => Promise<unknown>) => {
  const { network, client, clock } = scene
  network.weather = () => 'refuse'
  // Between two polls nothing is open that could be cut.
  expect(network.cut() + Number(transport === 'poll')).toBeGreaterThan(0)
  const refused = network.connections.length
  await clock.advance(ms / 2)
  await meanwhile()
  await clock.advance(ms / 2)
  expect(network.connections.length).toBeGreaterThan(refused)
  network.weather = () => 'clear'
  client.signal('network')
  await scene.until(() => client.state.name === 'online')
}

describe.each(ALL)('%s', (transport) => {
  it.each([8_000, 120_000])(
    'R11 a channel without a message, and %i ms without a link: all that was published meanwhile, and no gap',
    async (ms) => {
      const scene = await reader(transport)
      await away(scene, transport, ms, () => scene.say(7))
      await scene.judge()
      expect(scene.offsets()).toEqual([1, 2, 3, 4, 5, 6, 7])
      expect(scene.gaps()).toEqual([])
    },
  )

  it('R13 an epoch that survives a failover, whose offsets are used again: a gap past the fork, and none before it', async () => {
    const scene = await reader(transport, { hub: SMALL_TAIL })
    const { clock, network, historian, store } = scene
    await scene.say(5)
    await clock.advance(10_000)
    const third = scene.ofType('append')[2]!.position
    await away(scene, transport, 8_000, async () => {
      historian.add({ type: 'lost-tail', channel: 'a', after: store().loseTail('a', 2)! })
      await scene.say(3)
    })
    // Somebody else stood before the fork.
    const other = createVirtualClient(clock, network, { transports: [transport] })
    const position: Position = `${third.epoch}.${third.offset}.${third.id}`
    historian.subscribe(other, 'a', { from: { after: position } })
    await clock.advance(10_000)
    await scene.say()
    await scene.judge()
    expect(scene.ofType('gap')).toMatchObject([{ reason: 'lost-tail', from: { offset: 5 }, to: { offset: 6 } }])
    expect(scene.offsets().sort()).toEqual([1, 2, 3, 4, 5, 4, 5, 6, 7, 7].sort())
    other.close()
  })

  it.each([
    [5, []],
    [6, ['trimmed']],
  ] as const)('R4 a reader at message 5 of 5, and %i more that push them out: gaps %j', async (count, told) => {
    const scene = await reader(transport, { messages: 5, hub: SMALL_TAIL })
    await scene.say(5)
    await scene.clock.advance(10_000)
    await away(scene, transport, 8_000, () => scene.say(count))
    await scene.judge()
    expect(scene.gaps()).toEqual(told)
    expect(scene.offsets().slice(-5)).toEqual([1, 2, 3, 4, 5].map((n) => n + count))
  })

  it.each(['while it listens', 'while it is away'] as const)(
    'R12 a channel that is deleted and made again with the same offsets %s is a gap, and then all of it',
    async (when) => {
      const scene = await reader(transport)
      await scene.say(3)
      await scene.clock.advance(10_000)
      const again = async () => {
        scene.store().delete('a')
        await scene.newLife()
        await scene.say(3)
      }
      if (when === 'while it is away') await away(scene, transport, 8_000, again)
      else await again()
      await scene.judge()
      expect(scene.gaps()).toHaveLength(1)
      expect(scene.offsets()).toEqual([1, 2, 3, 1, 2, 3])
    },
  )

  it('F33 a node that hears nothing of its store: messages come within the position check, and at once with the next one', async () => {
    let deaf = false
    let missed = 0
    const scene = await reader(transport, {
      store: (store) => ({
        append: (...all) => store.append(...all),
        read: (...all) => store.read(...all),
        announce: (text) => store.announce(text),
        hear: (heard) => store.hear(heard),
        close: () => store.close(),
        watch: (channel, heard) => store.watch(channel, (notice) => (deaf ? missed++ : heard(notice))),
      }),
    })
    const { clock, say, offsets, until } = scene
    const interval = transport === 'poll' ? 6_000 : 0
    await clock.advance(15_000)
    deaf = true
    await say(3)
    expect(await until(() => offsets().length === 3)).toBeLessThanOrEqual(10_000 + interval)
    expect(missed).toBe(3)
    await say(3)
    deaf = false
    await say()
    expect(await until(() => offsets().length === 7)).toBeLessThanOrEqual(100 + interval)
    await scene.judge()
    expect(scene.gaps()).toEqual([])
  })
})
