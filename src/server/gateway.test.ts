import { describe, expect, it } from 'vitest'
import { TestSocket, framesOf, hello, testHub } from '../testing/test-hub.ts'

const plain = { 'content-type': 'text/plain;charset=UTF-8' }
const channels = (from: unknown, ...names: string[]) => names.map((channel) => ({ channel, from }))

describe('POST /poll', () => {
  it('§6.3 answers at once without waitMs, and states each channel', async () => {
    const hub = testHub()
    const { position } = await hub.publish('a', { n: 1 })
    const answer = await hub.ask('/poll', {
      headers: plain,
      body: [hello({ channels: channels('earliest', 'a', 'b') })],
    })
    expect(answer.status).toBe(200)
    expect(answer.headers).toMatchObject({
      'Content-Type': 'application/holdfast+json',
      'Cache-Control': 'no-store, no-transform',
      'X-Content-Type-Options': 'nosniff',
      'X-Accel-Buffering': 'no',
    })
    expect(answer.frames[0]).toMatchObject({ type: 'welcome', nonce: 'nonce-1' })
    const runs = framesOf(answer.frames, 'run')
    expect(runs.find((run) => run.channel === 'a')?.messages).toMatchObject([{ offset: 1, data: { n: 1 } }])
    expect(runs.find((run) => run.channel === 'b')?.after).toBe(position.replace(/\..*/, '.0.0'))
  })

  it('§6.3 holds until there is something to say, and ends with the turn', async () => {
    const hub = testHub()
    const { position } = await hub.publish('a', 1)
    const body = [
      hello({ waitMs: 20_000, channels: [{ channel: 'a', from: { after: position } }, ...channels('latest')] }),
    ]
    let answered = false
    const held = hub.ask('/poll', { body }).finally(() => (answered = true))
    await hub.clock.advance(15_000)
    expect(answered).toBe(false)
    expect(hub.health.links).toBe(1)
    await hub.publish('a', 2)
    await hub.publish('a', 3)
    await hub.clock.settle()
    const [run] = framesOf((await held).frames, 'run')
    expect(run).toMatchObject({ after: position, messages: [{ data: 2 }, { data: 3 }] })
    expect(hub.health.links).toBe(0)
  })

  it('§6.3 answers with the positions when the hold is over, and holds for 25 s at most', async () => {
    const hub = testHub()
    const { position } = await hub.publish('a', 1)
    const body = [hello({ waitMs: 1e9, channels: [{ channel: 'a', from: { after: position } }] })]
    const held = hub.ask('/poll', { body })
    await hub.clock.advance(25_000)
    expect((await held).frames[1]).toEqual({ type: 'run', channel: 'a', after: position, messages: [] })
    await hub.clock.advance(60_000)
    expect(hub.clock.pending).toBe(0)
  })

  it('§6.3 the first answer to a start word, a gap and a refusal are each something to say', async () => {
    const hub = testHub({ authorize: ({ channel }) => channel !== 'no' })
    for (const wanted of channels('latest', 'a').concat(
      channels({ after: 'other.3.x' }, 'a'),
      channels('latest', 'no'),
    )) {
      const answer = await hub.ask('/poll', { body: [hello({ waitMs: 20_000, channels: [wanted] })] })
      expect(answer.frames.length).toBeGreaterThan(1)
    }
  })

  it('§6.3 a permission that is not known after 250 ms does not hold up the answer', async () => {
    const hub = testHub({ authorize: ({ channel }) => channel !== 'slow' || new Promise<boolean>(() => {}) })
    const asked = hub.ask('/poll', { body: [hello({ channels: channels('latest', 'slow', 'quick') })] })
    await hub.clock.advance(250)
    const { frames } = await asked
    expect(frames).toContainEqual({ type: 'run', channel: 'slow', messages: [], more: true })
    expect(framesOf(frames, 'run').find((run) => run.channel === 'quick')).not.toHaveProperty('more')
  })

  it('§3.12 an answer has 256 KiB of messages at most, and a channel that has more says so', async () => {
    const hub = testHub()
    const text = 'x'.repeat(30_000)
    for (let n = 0; n < 12; n++) for (const name of ['a', 'b', 'c']) await hub.publish(name, text)
    const answer = await hub.ask('/poll', { body: [hello({ channels: channels('earliest', 'a', 'b', 'c') })] })
    expect(answer.text.length).toBeLessThan(280_000)
    const runs = framesOf(answer.frames, 'run')
    expect(runs).toHaveLength(3)
    expect(runs.every((run) => run.more && run.messages.length > 0)).toBe(true)
  })

  it('§3.12 pages lead to the head', async () => {
    const hub = testHub()
    for (let n = 0; n < 25; n++) await hub.publish('a', `${n} ${'x'.repeat(30_000)}`)
    let from: unknown = 'earliest'
    const offsets: number[] = []
    for (let more = true; more;) {
      const { frames } = await hub.ask('/poll', { body: [hello({ channels: channels(from, 'a') })] })
      const [run] = framesOf(frames, 'run')
      offsets.push(...run!.messages.map((message) => message.offset))
      const last = run!.messages.at(-1)!
      from = { after: `${run!.after!.split('.')[0]}.${last.offset}.${last.id}` }
      more = run!.more === true
    }
    expect(offsets).toEqual(Array.from({ length: 25 }, (_, n) => n + 1))
  })

  it('§3.3 limit bounds the messages of an answer', async () => {
    const hub = testHub()
    for (let n = 0; n < 5; n++) await hub.publish('a', n)
    const body = [hello({ channels: [{ channel: 'a', from: 'earliest', limit: 2, ref: 5 }] })]
    const [run] = framesOf((await hub.ask('/poll', { body })).frames, 'run')
    expect(run).toMatchObject({ ref: 5, more: true, messages: [{ data: 0 }, { data: 1 }] })
  })

  it('a held poll that the client leaves is over at once, and leaves nothing behind', async () => {
    const hub = testHub()
    const { position } = await hub.publish('a', 1)
    const client = new AbortController()
    const body = [hello({ waitMs: 20_000, channels: [{ channel: 'a', from: { after: position } }] })]
    const held = hub.ask('/poll', { body, signal: client.signal })
    await hub.clock.advance(1000)
    client.abort()
    await held
    expect(hub.health.links).toBe(0)
    await hub.clock.advance(60_000)
    expect(hub.clock.pending).toBe(0)
  })

  it('S18 a drain answers held polls at once, and refuses new ones', async () => {
    const hub = testHub()
    const { position } = await hub.publish('a', 1)
    const held = hub.ask('/poll', {
      body: [hello({ waitMs: 20_000, channels: [{ channel: 'a', from: { after: position } }] })],
    })
    await hub.clock.advance(1000)
    const closing = hub.close()
    await hub.clock.settle()
    expect((await held).frames[1]).toMatchObject({ type: 'run', after: position })
    await closing
    const refused = await hub.ask('/poll', { body: [hello()] })
    expect(refused.status).toBe(503)
    expect(Number(refused.headers['Retry-After'])).toBeGreaterThan(0)
    expect((await hub.ask('/health')).status).toBe(503)
  })

  it('over the number of links the answer is 503 with Retry-After', async () => {
    const hub = testHub({ limits: { links: 1 } })
    new TestSocket().open(hub, hello())
    const refused = await hub.ask('/poll', { body: [hello()] })
    expect(refused.status).toBe(503)
    expect(refused.headers['Retry-After']).toMatch(/^[1-5]$/)
    expect(refused.frames).toMatchObject([{ type: 'error', code: 'unavailable' }])
  })
})

describe('POST /stream', () => {
  it('§6.4 sends each batch as one data line, without id or event', async () => {
    const hub = testHub()
    const { status, headers, stream } = await hub.ask('/stream', {
      headers: plain,
      body: [hello({ channels: channels('latest', 'a') })],
    })
    expect(status).toBe(200)
    expect(headers).toMatchObject({ 'Content-Type': 'text/event-stream', 'Content-Encoding': 'identity' })
    await hub.publish('a', 'one\n\nid: 9\ndata: x')
    await hub.clock.settle()
    for (const chunk of stream!.chunks) expect(chunk).toMatch(/^data: \[[^\n]*\]\n\n$/)
    expect(stream!.frames.map((frame) => frame.type)).toEqual(['welcome', 'run', 'run'])
    expect(framesOf(stream!.frames, 'run')[1]?.messages[0]?.data).toBe('one\n\nid: 9\ndata: x')
  })

  it('§4.5 §6.4 sends a second frame 100 to 500 ms after the welcome', async () => {
    const hub = testHub()
    const { stream } = await hub.ask('/stream', { body: [hello()] })
    await hub.clock.advance(99)
    expect(stream!.frames.map((frame) => frame.type)).toEqual(['welcome'])
    await hub.clock.advance(401)
    expect(stream!.frames.map((frame) => frame.type)).toEqual(['welcome', 'heartbeat'])
  })

  it('§6.4 beats within 1 s after a burst, and not during one', async () => {
    const hub = testHub()
    const { stream } = await hub.ask('/stream', { body: [hello({ channels: channels('latest', 'a') })] })
    await hub.clock.advance(5000)
    const beats = () => framesOf(stream!.frames, 'heartbeat').length
    const before = beats()
    for (let n = 0; n < 20; n++) {
      await hub.publish('a', n)
      await hub.clock.advance(100)
    }
    expect(beats()).toBe(before)
    await hub.clock.advance(900)
    expect(beats()).toBe(before + 1)
    await hub.clock.advance(5000)
    expect(beats()).toBe(before + 1)
  })

  it('S6 a stream that is not read is not written to', async () => {
    const hub = testHub()
    const { stream } = await hub.ask('/stream', { body: [hello({ channels: channels('latest', 'a') })] })
    stream!.stuck = true
    for (let n = 0; n < 100; n++) {
      await hub.publish('a', `${n} ${'x'.repeat(5000)}`)
      await hub.clock.settle()
    }
    expect(stream!.chunks.join('').length).toBeLessThan(150_000)
    stream!.drain()
    await hub.clock.settle()
    const offsets = framesOf(stream!.frames, 'run').flatMap((run) => run.messages.map((message) => message.offset))
    expect(offsets).toEqual(Array.from({ length: 100 }, (_, n) => n + 1))
  })

  it('§7.4 a drain says goodbye and ends the stream', async () => {
    const hub = testHub()
    const { stream } = await hub.ask('/stream', { body: [hello()] })
    await hub.close()
    expect(stream!.frames.at(-1)).toMatchObject({ type: 'goodbye', reason: 'drain' })
    expect(stream!.ended).toBe(true)
    expect(hub.clock.pending).toBe(0)
  })
})

describe('GET', () => {
  it('§6.7 /poll reads since the positions of the channels, in their order', async () => {
    const hub = testHub()
    const a = await hub.publish('a', 1)
    const b = await hub.publish('b', 1)
    await hub.publish('b', 2)
    const { frames, status } = await hub.ask(`/poll?channel=a&channel=b&since=${a.position}~${b.position}`)
    expect(status).toBe(200)
    expect(frames[0]).toMatchObject({ type: 'welcome', nonce: '' })
    const runs = framesOf(frames, 'run')
    expect(runs.find((run) => run.channel === 'a')?.messages).toEqual([])
    expect(runs.find((run) => run.channel === 'b')?.messages).toMatchObject([{ data: 2 }])
  })

  it('§6.7 /poll takes one word for all', async () => {
    const hub = testHub()
    for (let n = 0; n < 30; n++) await hub.publish('a', n)
    const count = async (since: string) =>
      framesOf((await hub.ask(`/poll?channel=a${since}`)).frames, 'run')[0]?.messages.length
    expect(await count('')).toBe(0)
    expect(await count('&since=earliest')).toBe(30)
    expect(await count('&since=last:20')).toBe(20)
  })

  it('§6.7 each event of /stream that moves a position has an id which is the new since, and Last-Event-ID wins', async () => {
    const hub = testHub()
    const { stream } = await hub.ask('/stream?channel=a&channel=b&since=earliest')
    const a = await hub.publish('a', 1)
    await hub.clock.settle()
    const epoch = a.position.split('.')[0] ?? ''
    expect(stream!.events.map((event) => event.id)).toEqual([`${epoch}.0.0~${epoch}.0.0`, `${a.position}~${epoch}.0.0`])
    await hub.clock.advance(1000)
    expect(stream!.events.at(-1)).toEqual({ id: null, frames: [{ type: 'heartbeat' }] })
    await hub.publish('a', 2)
    const resumed = await hub.ask('/stream?channel=a&channel=b&since=earliest', {
      headers: { 'last-event-id': `${a.position}~${epoch}.0.0` },
    })
    const runs = framesOf(resumed.stream!.frames, 'run')
    expect(runs.find((run) => run.channel === 'a')).toMatchObject({ after: a.position, messages: [{ data: 2 }] })
  })

  it('§6.8 /health tells whether the hub is ready', async () => {
    const hub = testHub()
    const { status, text } = await hub.ask('/health')
    expect([status, text]).toEqual([200, '{"status":"ready"}'])
  })
})
