import { describe, expect, it } from 'vitest'
import { visitNetwork } from '../testing/visit-network.ts'

/** How long of two minutes a client was online while a message came each second. */
const onlineOfTwoMinutes = async (all: ReturnType<typeof visitNetwork>): Promise<number> => {
  let onlineMs = 0
  for (let step = 0; step < 1_200; step++) {
    if (step % 10 === 0) void all.say()
    await all.clock.advance(100)
    if (all.client.state.name === 'online') onlineMs += 100
  }
  return onlineMs
}

describe('links that die before they are stable', () => {
  it.each([100, 500, 2_000, 5_000, 9_000])(
    'R8 every WebSocket dies %i ms after it was opened: SSE carries within 0.3 s, and for nearly all of the time',
    async (ms) => {
      for (let seed = 1; seed <= 10; seed++) {
        const all = visitNetwork(({ path }) => (path === '' ? { diesAfterMs: ms, answers: true } : 'clear'), {}, seed)
        all.subscribe()
        await all.clock.advance(ms)
        expect(await all.until(() => all.client.state.transport === 'sse')).toBeLessThanOrEqual(300)
        expect(await onlineOfTwoMinutes(all)).toBeGreaterThanOrEqual(119_000)
        all.client.close()
        await all.clock.advance(1_000)
      }
    },
    60_000,
  )

  it.each([100, 500, 2_000, 5_000, 9_000])(
    'R8 every WebSocket and event stream dies %i ms after it was opened: long-poll carries for most of the time, nothing lost',
    async (ms) => {
      for (let seed = 1; seed <= 5; seed++) {
        const dies = { diesAfterMs: ms, answers: true }
        const all = visitNetwork(({ path }) => (path === '' || path === '/stream' ? dies : 'clear'), {}, seed)
        all.subscribe()
        await all.until(() => all.client.state.transport === 'long-poll')
        // The rest is the proof of a long poll, which takes until its first answer, after each probe of what dies.
        expect(await onlineOfTwoMinutes(all)).toBeGreaterThanOrEqual(110_000)
        const kinds = all.client.explain().timeline.flatMap(({ kind, purpose }) => (kind === 'open' ? purpose : []))
        expect(kinds).toContain('probe')
        all.network.weather = () => 'clear'
        await all.clock.advance(1_000)
        all.allInOrder()
        all.client.close()
        await all.clock.advance(1_000)
      }
    },
    60_000,
  )
})
