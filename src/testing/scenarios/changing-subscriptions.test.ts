import { describe, expect, it } from 'vitest'
import type { Subscription } from '../../client/types.ts'
import type { Connection } from '../weather.ts'
import { PATHS, publisher, setUp } from './set-up.ts'

describe('R15 R26 subscriptions that come and go every 20 ms where a round trip takes 800 ms', () => {
  it.each([
    ['websocket', { link: 1, read: 0 }],
    ['sse', { link: 2, read: 1 }],
    // Its link asks without a hold at first, and then another read is one for what came late.
    ['long-poll', { link: 2, read: 2 }],
    ['poll', { link: 2, read: 2 }],
  ] as const)(
    '%s: one proven and one opening request at a time, nothing after an unsubscribe, all that stay are served',
    async (transport, requests) => {
      const others = Array.from({ length: 60 }, (_, index) => `b${index}`)
      const scene = await setUp({ transports: [transport, 'poll'], channels: ['a', ...others] })
      const { clock, network, say, historian } = scene
      network.latencyMs = () => 400
      scene.subscribe('a')
      await scene.online(transport)
      await clock.advance(12_000)

      /** Most requests at one time that carry the link, and that read. */
      const most = { link: 0, read: 0 }
      const count = (all: readonly Connection[]): void => {
        const link = all.filter((each) => each.path === PATHS[transport] && each.held === (transport === 'long-poll'))
        const read = all.filter((each) => each.path === '/poll' && !each.held)
        most.link = Math.max(most.link, link.length)
        most.read = Math.max(most.read, read.length)
      }
      count([...network.open])
      network.weather = (connection) => {
        count([...network.open, connection])
        return 'clear'
      }
      const live = new Map<string, Subscription>()
      for (let turn = 0; turn < 1_000; turn++) {
        const channel = others[Math.floor(clock.random() * others.length)]!
        live.get(channel)?.unsubscribe()
        if (!live.delete(channel)) live.set(channel, historian.subscribe(scene.client, channel))
        void say(1, turn % 3 ? others[Math.floor(clock.random() * others.length)]! : 'a')
        await clock.advance(20)
      }
      expect(most).toEqual(requests)
      for (const channel of others)
        if (!live.has(channel)) live.set(channel, historian.subscribe(scene.client, channel))
      await clock.advance(20_000)
      for (const channel of others) await say(2, channel)
      await scene.judge()
      expect([...live.values()].every(({ state }) => state.name === 'live')).toBe(true)
      expect(scene.ofType('subscribe').length).toBeGreaterThan(150)
      expect(scene.ofType('unsubscribe').length).toBeGreaterThan(300)
      expect(scene.gaps()).toEqual([])
    },
    60_000,
  )
})

describe.each(['sse', 'long-poll'] as const)(
  'R6 R7 a publish under way on a %s link that a new subscription replaces',
  (transport) => {
    /** A way of a publish takes so long that the link is replaced before its answer, or before it arrives. */
    const WAYS = { answer: 130, request: 2_000 }

    const replaced = async (lost: keyof typeof WAYS, allowed: (copies: number) => boolean) => {
      let copies = 0
      /** The copy that was the first to arrive. */
      let arrived = 0
      const scene = await publisher(transport, {
        hub: {
          limits: { permissionMs: 1 },
          authorize: ({ action }) => {
            if (action === 'subscribe') return true
            arrived ||= copies
            return allowed(copies)
          },
        },
      })
      const { clock, network } = scene
      network.weather = ({ path }) => {
        copies += Number(path === '/publish')
        return 'clear'
      }
      await clock.advance(10_000)
      network.latencyMs = ({ path }) => (path === '/publish' ? WAYS[lost] : 50)
      scene.publish('x')
      scene.publish('y')
      await clock.advance(10)
      const opened = scene.client.explain().timeline.length
      scene.subscribe('b')
      await clock.advance(30_000)
      const facts = scene.client.explain().timeline.slice(opened)
      expect(facts.filter(({ kind }) => kind === 'proven')).toMatchObject([{ purpose: 'replace', transport }])
      expect([scene.sent(), arrived]).toEqual([[1, 2, 1, 2], lost === 'answer' ? 1 : 2])
      return scene
    }

    it.each(['answer', 'request'] as const)(
      'is sent again on the new one when its %s is lost, and appended once',
      async (lost) => {
        const scene = await replaced(lost, () => true)
        expect([scene.outcomes, scene.appended()]).toEqual([
          ['x ok', 'y ok'],
          ['x', 'y'],
        ])
        expect(scene.offsets()).toEqual([1, 2])
      },
    )

    it('is unknown when it was appended, and its repeat is refused', async () => {
      const scene = await replaced('answer', (copies) => copies === 1)
      expect([scene.outcomes, scene.appended()]).toEqual([
        ['x unknown', 'y unknown'],
        ['x', 'y'],
      ])
    })

    it('is unknown, not failed, though nothing was appended, when both copies are refused', async () => {
      const scene = await replaced('answer', () => false)
      expect([scene.outcomes, scene.appended()]).toEqual([['x unknown', 'y unknown'], []])
    })
  },
)
