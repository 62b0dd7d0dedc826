import { beforeEach, describe, expect, it, vi } from 'vitest'
import { FakeClock } from '../testing/fake-clock.ts'
import { webLockSlots } from './slots.ts'

const url = 'https://hub.example/realtime'

/** Web Locks of one origin, as far as `ifAvailable` goes. */
class Locks {
  readonly held = new Set<string>()
  readonly asked: string[] = []
  async request(name: string, _options: object, task: (lock: object | null) => unknown): Promise<void> {
    this.asked.push(name)
    await Promise.resolve()
    if (this.held.has(name)) {
      await task(null)
      return
    }
    this.held.add(name)
    try {
      await task({ name })
    } finally {
      this.held.delete(name)
    }
  }
}

let clock: FakeClock
let locks: Locks
const entries = (...list: [name: string, nextHopProtocol: string][]): void => {
  vi.spyOn(performance, 'getEntries').mockReturnValue(
    list.map(([name, nextHopProtocol]) => ({ name, nextHopProtocol }) as unknown as PerformanceEntry),
  )
}
beforeEach(() => {
  clock = new FakeClock()
  locks = new Locks()
  vi.stubGlobal('navigator', { locks })
  entries()
})

const taken = async (slots = webLockSlots(url, clock)) => {
  const release = await slots.take()
  expect(clock.pending).toBe(0)
  return release
}

describe('N17 webLockSlots', () => {
  it('gives three to the clients of an origin, then none, then again when one goes back', async () => {
    const releases = [await taken(), await taken(), await taken()]
    expect(releases).not.toContain(null)
    expect([...locks.held]).toEqual([0, 1, 2].map((index) => `holdfast:https://hub.example:${index}`))
    expect(await taken()).toBeNull()
    releases[1]?.()
    await clock.settle()
    expect(locks.held.size).toBe(2)
    expect(await taken()).not.toBeNull()
    expect(locks.held.size).toBe(3)
  })

  it('counts each origin by itself', async () => {
    for (let index = 0; index < 3; index++) await taken()
    expect(await taken(webLockSlots('https://other.example/realtime', clock))).not.toBeNull()
  })

  it('the links of a client share one, until the last gives it back', async () => {
    const slots = webLockSlots(url, clock)
    const [first, second] = await Promise.all([slots.take(), slots.take()])
    const third = await slots.take()
    expect(locks.held.size).toBe(1)
    first?.()
    first?.()
    second?.()
    await clock.settle()
    expect(locks.held.size).toBe(1)
    third?.()
    await clock.settle()
    expect(locks.held.size).toBe(0)
    expect(await slots.take()).not.toBeNull()
    expect(locks.held.size).toBe(1)
  })

  it('a client that got none may ask again', async () => {
    const releases = [await taken(), await taken(), await taken()]
    const slots = webLockSlots(url, clock)
    expect(await Promise.all([slots.take(), slots.take()])).toEqual([null, null])
    releases[0]?.()
    await clock.settle()
    expect(await slots.take()).not.toBeNull()
  })

  it('needs none where HTTP/2 or 3 is known for that origin', async () => {
    for (const protocol of ['h2', 'h3', 'h3-29']) {
      entries(['https://hub.example/realtime/poll', protocol])
      expect(await taken()).not.toBeNull()
    }
    expect(locks.asked).toEqual([])
    entries(['https://hub.example.evil.com/x', 'h2'], ['https://hub.example/realtime/poll', 'http/1.1'], ['mark', ''])
    await taken()
    expect(locks.asked).toHaveLength(1)
  })

  it.each([
    ['no navigator', () => vi.stubGlobal('navigator', undefined)],
    ['no locks', () => vi.stubGlobal('navigator', {})],
    [
      'locks that refuse',
      () => vi.stubGlobal('navigator', { locks: { request: () => Promise.reject(new Error('SecurityError')) } }),
    ],
    [
      'locks that throw',
      () =>
        vi.stubGlobal('navigator', {
          locks: {
            request: () => {
              throw new Error('no')
            },
          },
        }),
    ],
    [
      'a timeline that throws',
      () =>
        vi.spyOn(performance, 'getEntries').mockImplementation(() => {
          throw new Error('no')
        }),
    ],
  ])('with %s a slot is always free', async (_title, prepare) => {
    prepare()
    for (let index = 0; index < 5; index++) expect(await taken()).not.toBeNull()
  })

  it('a lock manager that hangs costs a second, and a lock that comes later goes back', async () => {
    let grant = (): void => {}
    let held = false
    const request = (_name: string, _options: object, task: (lock: object) => Promise<void>): Promise<void> =>
      new Promise((resolve) => {
        grant = () => {
          held = true
          void task({}).then(() => {
            held = false
            resolve()
          })
        }
      })
    vi.stubGlobal('navigator', { locks: { request } })
    let release: unknown
    void webLockSlots(url, clock)
      .take()
      .then((value) => (release = value))
    await clock.advance(999)
    expect(release).toBeUndefined()
    await clock.advance(1)
    expect(release).toBeTypeOf('function')
    grant()
    await clock.settle()
    expect(held).toBe(false)
  })
})
