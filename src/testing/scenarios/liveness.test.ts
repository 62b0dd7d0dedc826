import { describe, expect, it } from 'vitest'
import { createPageClock } from '../page-clock.ts'
import type { PageClock } from '../page-clock.ts'
import { ALL, setUp } from './set-up.ts'

describe('R9 24 h of a page that is hidden every other hour, with late beats and an event loop that stalls', () => {
  it.each(ALL)(
    '%s: no link is dropped, and nothing is lost',
    async (transport) => {
      let page: PageClock | undefined
      const scene = await setUp({ transports: [transport], page: (clock) => (page = createPageClock(clock)) })
      const { clock, network, client, say } = scene
      scene.subscribe()
      await scene.online(transport)
      const facts: string[] = []
      client.on('trace', ({ kind }) => facts.push(kind))
      client.on('state', ({ name }) => facts.push(name))
      // A beat is late by two seconds at most; a poll and its answer together.
      network.latencyMs = ({ path }) => (path === '/poll' ? 1_000 : 2_000) * clock.random()
      let lastMs = clock.now()
      let silentMs = 0
      network.tap = (_, way) => {
        if (way === 'up') return
        silentMs = Math.max(silentMs, clock.now() - lastMs)
        lastMs = clock.now()
      }
      for (let minute = 0; minute < 24 * 60; minute++) {
        if (page) page.throttled = minute % 120 < 60
        void say()
        const atMs = 50_000 * clock.random()
        await clock.advance(atMs)
        clock.sleep(2_000)
        await clock.advance(58_000 - atMs)
      }
      // R24: the beats of ten seconds were late; a hidden page that polls heard nothing for a minute.
      expect(silentMs).toBeGreaterThan(transport === 'poll' ? 60_000 : 12_000)
      expect(facts).toEqual([])
      if (page) page.throttled = false
      await scene.judge()
      expect([scene.offsets().length, scene.gaps()]).toEqual([1_440, []])
    },
    60_000,
  )
})
