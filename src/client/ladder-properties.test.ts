import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { machine } from '../testing/connection-machine.ts'
import { FUZZ_TIMEOUT_MS, fuzzing } from '../testing/fuzz.ts'
import type { LinkEnd } from '../transports/transport.ts'
import { nextDue } from './connection-state.ts'
import type { ConnectionNews } from './connection-state.ts'

/** One thing that happens. Of links: `pick` chooses among those that are open. */
type Step =
  | { readonly type: 'sleep'; readonly ms: number }
  | { readonly type: 'due' }
  | { readonly type: 'connect' | 'disconnect' | 'refresh' | 'close' }
  | { readonly type: 'signal'; readonly network: boolean }
  | {
      readonly type: 'welcome' | 'proven' | 'alive' | 'silent'
      readonly pick: number
    }
  | { readonly type: 'end'; readonly pick: number; readonly end: LinkEnd }
  | { readonly type: 'goodbye'; readonly pick: number; readonly retryAfterMs: number }

const pick = fc.nat(9)
const end: fc.Arbitrary<LinkEnd> = fc.oneof(
  fc.record({ code: fc.constantFrom('failed', 'cut', 'foreign', 'timeout', 'blocked', 'busy', 'holds-cut', 'done') }),
  fc.record({ code: fc.constant('refused'), status: fc.constantFrom(400, 401, 403, 404, 408, 413, 429, 500, 503) }),
  fc.record({ code: fc.constant('cut'), status: fc.constantFrom(1000, 1006, 4401, 4403, 4429, 4503) }),
  fc.record({
    code: fc.constantFrom('refused', 'foreign'),
    status: fc.constantFrom(429, 503),
    retryAfterMs: fc.integer({ min: 0, max: 20_000 }),
  }),
)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant('due' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constant('sleep' as const), ms: fc.constantFrom(0, 1, 100, 1_000, 9_000) }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('signal' as const), network: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('refresh' as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constantFrom('connect' as const, 'disconnect' as const) }) },
  { weight: 8, arbitrary: fc.record({ type: fc.constantFrom('welcome' as const, 'proven' as const), pick }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constantFrom('alive' as const, 'silent' as const), pick }) },
  { weight: 8, arbitrary: fc.record({ type: fc.constant('end' as const), pick, end }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('goodbye' as const), pick, retryAfterMs: fc.constantFrom(0, 500, 5_000) }),
  },
)

const deepFreeze = (value: unknown): void => {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return
  Object.freeze(value)
  for (const each of Object.values(value)) deepFreeze(each)
}

type Machine = ReturnType<typeof machine>
type Watch = (m: Machine, news: ConnectionNews, before: Machine['state']) => void

/** Plays the steps, and calls `watch` after each transition. */
const play = (steps: readonly Step[], options: Parameters<typeof machine>[0], watch: Watch): Machine => {
  const m = machine(options)
  const send = (news: ConnectionNews): void => {
    const before = m.state
    m.send(news)
    watch(m, news, before)
  }
  send({ type: 'connect' })
  for (const each of steps) {
    if (each.type === 'sleep') m.sleep(each.ms)
    else if (each.type === 'due') {
      const due = nextDue(m.state)
      if (due < Infinity) m.sleep(Math.max(0, due - m.now))
      send({ type: 'tick' })
    } else if ('pick' in each) {
      const { pick: index, ...news } = each
      const { links } = m.state
      const link = links[index % Math.max(1, links.length)]
      // A welcome comes before the proof.
      if (link && !(news.type === 'proven' && link.phase === 'open')) send({ ...news, link: link.id })
    } else send(each)
  }
  return m
}

const setups = fc.record({ sequential: fc.boolean(), firstRead: fc.boolean() })
const whateverComes = (watch: Watch, after: (m: Machine) => void = () => undefined): void => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 120, size: 'max' }),
      setups,
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (all, setup, random) => {
        after(
          play(all, setup, (m, news, before) => {
            m.random = random
            watch(m, news, before)
          }),
        )
      },
    ),
    fuzzing(),
  )
}

describe('whatever comes, and whenever', { timeout: FUZZ_TIMEOUT_MS }, () => {
  it('a state is never changed, only followed by another', () => {
    whateverComes(({ state }) => deepFreeze(state))
  })

  it('one link carries at most, and `online` is when one does', () => {
    whateverComes(({ state }) => {
      const carriers = state.links.filter(({ phase }) => phase === 'proven')
      expect(carriers.length).toBe(state.name === 'online' ? 1 : 0)
    })
  })

  it('model 2: 3 rounds start in a second and 20 in a minute at most', () => {
    whateverComes(
      () => undefined,
      ({ starts }) => {
        for (const [most, windowMs] of [
          [3, 1_000],
          [20, 60_000],
        ] as const) {
          starts.forEach((atMs, index) => {
            const later = starts[index + most]
            // Sums of times that are no whole numbers are off in the last place.
            if (later !== undefined) expect(later - atMs).toBeGreaterThanOrEqual(windowMs - 0.001)
          })
        }
      },
    )
  })

  it('§10.4 nothing is opened before Retry-After has passed', () => {
    whateverComes(({ state, now }) => {
      if (state.effects.some(({ type }) => type === 'open')) expect(now).toBeGreaterThanOrEqual(state.notBeforeMs)
    })
  })

  it('a link that does not carry has a deadline', () => {
    whateverComes(({ state, now }) => {
      for (const link of state.links) {
        if (link.phase !== 'proven') expect(link.deadlineMs - now).toBeLessThanOrEqual(120_000)
      }
    })
  })

  it('it is never stuck: unless it is idle or a link carries, something is due', () => {
    whateverComes(({ state }) => {
      const due = nextDue(state)
      if (state.name === 'connecting' || state.name === 'waiting') expect(due).toBeLessThan(Infinity)
      if (state.name === 'idle') expect([state.links, due]).toEqual([[], Infinity])
    })
  })

  it('a tick that is due does something: there is no loop of ticks', () => {
    whateverComes(({ state, now }, news) => {
      if (news.type === 'tick') expect(nextDue(state)).toBeGreaterThan(now)
    })
  })

  it('R19 an event of a link that is gone changes nothing', () => {
    whateverComes((m) => {
      const before = m.state
      const link = before.nextLink + 7
      for (const type of ['welcome', 'proven', 'alive', 'silent'] as const) m.send({ type, link })
      m.send({ type: 'end', link, end: { code: 'refused', status: 401 } })
      m.send({ type: 'goodbye', link, retryAfterMs: 1 })
      expect(m.state).toBe(before)
    })
  })

  it('R16 no verdict is written on a transport for 401, 403 or a server error', () => {
    whateverComes(({ state }, news) => {
      if (news.type !== 'end') return
      const { code, status = 0 } = news.end
      const spoken = code === 'refused' || code === 'cut' ? status % 4_000 : 0
      if (![401, 403, 429, 500, 503].includes(spoken)) return
      expect(state.effects.filter(({ type }) => type === 'demote')).toEqual([])
    })
  })

  it('after close() it does nothing any more', () => {
    whateverComes(
      () => undefined,
      (m) => {
        m.send({ type: 'close' })
        const { state } = m
        expect([state.name, state.links, nextDue(state)]).toEqual(['closed', [], Infinity])
        for (const type of ['connect', 'tick', 'refresh', 'disconnect'] as const) m.send({ type })
        expect(m.state).toBe(state)
      },
    )
  })
})
