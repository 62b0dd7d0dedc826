import { once } from 'node:events'
import type { ClientHttp2Stream } from 'node:http2'
import { afterEach, describe, expect, it } from 'vitest'
import { FakeClock } from '../testing/fake-clock.ts'
import { http2Pair } from '../testing/http2-fetch.ts'
import { createHubIn } from './hub.ts'
import { MemoryStore } from './memory-store.ts'
import { nodeEnvironment } from './node-clock.ts'

const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

/** A stream with four large messages on a real connection, which holds little. Time passes for the hub only when it is told to. */
const open = async (): Promise<{ clock: FakeClock; links: () => number; stream: ClientHttp2Stream }> => {
  const clock = new FakeClock()
  const environment = { ...nodeEnvironment, clock }
  const store = new MemoryStore({ ageMs: 3_600_000 }, environment)
  const hub = createHubIn({ authorize: () => true, store }, environment)
  const pair = await http2Pair((server) => hub.attach(server), {}, 8_192)
  undo.push(pair.close)
  for (let n = 1; n <= 4; n++) await hub.publish('a', `${n} ${'x'.repeat(60_000)}`)
  const stream = pair.session.request({ ':path': '/realtime/stream?channel=a&since=earliest' })
  await once(stream, 'response')
  return { clock, links: () => hub.health.links, stream }
}

describe('S6 a slow stream over HTTP/2', () => {
  it('lives on while its reader takes a large batch bit by bit', async () => {
    const { clock, links, stream } = await open()
    let text = ''
    const takeUntil = async (wanted: string): Promise<void> => {
      while (!text.includes(wanted)) {
        const chunk = (stream.read(4_096) ?? stream.read()) as Buffer | null
        if (!chunk) await Promise.race([once(stream, 'readable'), once(stream, 'close')])
        expect(stream.closed).toBe(false)
        if (!chunk) continue
        text += chunk.toString()
        await clock.advance(5_000)
      }
    }
    await takeUntil('"offset":3')
    // The first two messages were one batch, and nobody may take nothing for a minute.
    expect(clock.now()).toBeGreaterThan(90_000)
    expect(links()).toBe(1)
    await takeUntil('"offset":4')
  })

  it('ends when its reader takes nothing for a minute', async () => {
    const { clock, links, stream } = await open()
    await clock.advance(50_000)
    expect(links()).toBe(1)
    await clock.advance(12_000)
    expect(links()).toBe(0)
    stream.resume()
    if (!stream.closed) await once(stream, 'close')
    expect(stream.rstCode).toBe(8)
  })
})
