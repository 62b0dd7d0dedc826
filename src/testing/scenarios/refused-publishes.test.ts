import { describe, expect, it } from 'vitest'
import { CONTENT_TYPE } from '../../protocol/frames.ts'
import type { Store } from '../../server/store.ts'
import { ALL, publisher } from './set-up.ts'

/** A store that refuses the first appends of a key. */
const refusing =
  (key: string, times: number) =>
  (store: Store): Store => ({
    read: (...all) => store.read(...all),
    watch: (...all) => store.watch(...all),
    announce: (text) => store.announce(text),
    hear: (heard) => store.hear(heard),
    close: () => store.close(),
    append: (channel, request) =>
      request.json.includes(`"${key}"`) && times-- > 0
        ? Promise.reject(new Error('down'))
        : store.append(channel, request),
  })

describe('R6 one publish of a batch is refused for now', () => {
  it.each(ALL)(
    '%s: those behind it are refused too, what is published meanwhile waits, and all are appended in order',
    async (transport) => {
      const scene = await publisher(transport, { store: refusing('3', 3) })
      const { clock, network } = scene
      network.latencyMs = () => 50
      for (const key of ['1', '2', '3', '4', '5']) scene.publish(key)
      await clock.advance(60)
      for (const key of ['6', '7']) scene.publish(key, key === '6' ? 'b' : 'a')
      await clock.advance(60_000)
      const answers = scene.answers()
      expect(answers.slice(0, 5)).toEqual(['1 ack', '2 ack', '3 unavailable', '4 out-of-order', '5 out-of-order'])
      expect(answers.filter((answer) => answer === '3 unavailable')).toHaveLength(3)
      expect(answers.slice(-5)).toEqual([3, 4, 5, 6, 7].map((sequence) => `${sequence} ack`))
      expect(scene.outcomes).toEqual([1, 2, 3, 4, 5, 6, 7].map((key) => `${key} ok`))
      expect(scene.appended()).toEqual(['1', '2', '3', '4', '5', '6', '7'])
    },
  )

  it.each(ALL.slice(1))('%s: 429 to the whole of a batch, and the next one does not overtake it', async (transport) => {
    const scene = await publisher(transport)
    const { clock, network } = scene
    const respond = () =>
      new Response('[{"type":"error","code":"rate-limited","message":"slower"}]', {
        status: 429,
        headers: { 'content-type': CONTENT_TYPE, 'retry-after': '2' },
      })
    network.weather = ({ path }) => (path === '/publish' ? { respond } : 'clear')
    for (const key of ['1', '2']) scene.publish(key)
    await clock.advance(1_000)
    for (const key of ['3', '4']) scene.publish(key)
    await clock.advance(500)
    // §10.4: nothing is sent before the two seconds are over.
    expect([scene.sent(), scene.appended()]).toEqual([[1, 2], []])
    network.weather = () => 'clear'
    await clock.advance(20_000)
    expect(scene.outcomes).toEqual(['1 ok', '2 ok', '3 ok', '4 ok'])
    expect(scene.appended()).toEqual(['1', '2', '3', '4'])
  })
})

describe('R6 §8.7 a publish that is refused for now, and then given up', () => {
  it.each(ALL)('%s: what was published after it goes on at once, over the same link', async (transport) => {
    const scene = await publisher(transport, { store: refusing('1', 1_000) })
    const { clock, network, client } = scene
    network.latencyMs = () => 50
    const undo = new AbortController()
    client.publish('a', { key: '1' }, { signal: undo.signal }).catch(() => scene.outcomes.push('1 given up'))
    for (const key of ['2', '3']) scene.publish(key)
    await clock.advance(300)
    expect([scene.answers().slice(0, 3), scene.outcomes]).toEqual([
      ['1 unavailable', '2 out-of-order', '3 out-of-order'],
      [],
    ])
    const before = scene.sent().length
    undo.abort()
    await clock.advance(10_000)
    scene.publish('4')
    await clock.advance(10_000)
    expect(scene.outcomes).toEqual(['1 given up', '2 ok', '3 ok', '4 ok'])
    expect(scene.appended()).toEqual(['2', '3', '4'])
    expect(scene.sent().length - before).toBeLessThanOrEqual(5)
  })
})
