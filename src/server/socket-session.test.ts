import { describe, expect, it } from 'vitest'
import type { ServerFrame } from '../protocol/frames.ts'
import { aNumber, matching } from '../testing/matchers.ts'
import { CLIENT, TestSocket, hello, testHub } from '../testing/test-hub.ts'
import type { TestHub } from '../testing/test-hub.ts'

const channel = (name: string, from: unknown = 'latest', more: object = {}) => ({ channel: name, from, ...more })
const at = (position: string) => ({ after: position })

const opened = async (hub: TestHub, ...channels: object[]): Promise<TestSocket> => {
  const socket = new TestSocket().open(hub, hello({ channels }))
  await hub.clock.settle()
  return socket
}
const data = (frames: readonly ServerFrame[]): unknown[] =>
  frames.flatMap((frame) => (frame.type === 'run' ? frame.messages.map((message) => message.data) : []))

describe('a WebSocket link', () => {
  it('§4.3 §3.5 answers a hello with the welcome and the start of each channel, in one batch', async () => {
    const hub = testHub()
    const { position } = await hub.publish('a', 1)
    const socket = await opened(hub, channel('a', 'latest', { ref: 7 }), channel('b', 'earliest'))
    expect(socket.batches).toHaveLength(1)
    const [welcome, ...runs] = socket.frames
    expect(welcome).toMatchObject({
      type: 'welcome',
      protocol: 1,
      nonce: 'nonce-1',
      heartbeatMs: 10_000,
      maxDataBytes: 65_536,
    })
    expect(welcome).toMatchObject({ timeMs: hub.clock.wall(), maxBatchBytes: 262_144 })
    expect(runs).toHaveLength(2)
    expect(runs).toContainEqual({ type: 'run', channel: 'a', after: position, ref: 7, messages: [] })
    expect(runs).toContainEqual(expect.objectContaining({ channel: 'b', after: matching(/\.0\.0$/), messages: [] }))
  })

  it('§4.4 equal users have equal tags, and the publisher tag is that of the messages', async () => {
    const hub = testHub({ authenticate: ({ token }) => (token === undefined ? null : { userId: token }) })
    const ann = new TestSocket().open(hub, hello({ token: 'ann', channels: [channel('a')] }))
    const ann2 = new TestSocket().open(hub, hello({ token: 'ann', client: 'x'.repeat(22) }))
    const ben = new TestSocket().open(hub, hello({ token: 'ben' }))
    const nobody = new TestSocket().open(hub, hello())
    await hub.clock.settle()
    const [a, a2, b, n] = [ann, ann2, ben, nobody].map((socket) => socket.ofType('welcome')[0]!)
    expect(a!.user).toBe(a2!.user)
    expect(new Set([a!.user, b!.user, n!.user]).size).toBe(3)
    expect(a!.publisher).not.toBe(a2!.publisher)
    ann.send({ type: 'publish', channel: 'a', sequence: 1, data: 1 })
    await hub.clock.settle()
    expect(ann.ofType('run').at(-1)?.messages[0]).toMatchObject({ sender: 'ann', publisher: a!.publisher })
  })

  it('§3.4 §3.5 pushes what is published, each run after the one before', async () => {
    const hub = testHub()
    const socket = await opened(hub, channel('a'))
    const first = await hub.publish('a', { n: 1 })
    await hub.clock.settle()
    await hub.publish('a', { n: 2 })
    await hub.clock.settle()
    const runs = socket.ofType('run')
    expect(runs.map((run) => run.messages.length)).toEqual([0, 1, 1])
    expect(runs[1]?.messages[0]).toEqual({ offset: 1, id: first.id, timeMs: aNumber, data: { n: 1 } })
    expect(runs[2]?.after).toBe(first.position)
  })

  it('what one turn brings leaves as one write, with the acks of that turn', async () => {
    const hub = testHub()
    const reader = await opened(hub, channel('a'))
    const writer = await opened(hub, channel('a'))
    reader.batches.length = 0
    writer.batches.length = 0
    writer.send(...Array.from({ length: 16 }, (_, n) => ({ type: 'publish', channel: 'a', sequence: n + 1, data: n })))
    await hub.clock.settle()
    expect(reader.batches).toHaveLength(1)
    expect(data(reader.frames)).toEqual(Array.from({ length: 16 }, (_, n) => n))
    expect(writer.batches).toHaveLength(1)
    expect(writer.ofType('ack').map((ack) => ack.sequence)).toEqual(Array.from({ length: 16 }, (_, n) => n + 1))
    expect(data(writer.frames)).toHaveLength(16)
  })

  it('readers at the head share the bytes of a run', async () => {
    const hub = testHub()
    const sockets = await Promise.all([1, 2, 3].map(() => opened(hub, channel('a'))))
    await hub.publish('a', 1)
    await hub.clock.settle()
    const [one, two, three] = sockets.map((socket) => socket.shared.at(-1))
    expect(one).toBeDefined()
    expect(two?.socketMessage).toBe(one?.socketMessage)
    expect(three?.socketMessage).toBe(one?.socketMessage)
  })

  it('§3.9 §11.4 states a gap and then the run that follows it', async () => {
    const hub = testHub()
    await hub.publish('a', 1)
    const socket = await opened(hub, channel('a', at('other.4.x4'), { ref: 3 }))
    const [, gap, run] = socket.frames
    expect(gap).toMatchObject({ type: 'gap', channel: 'a', from: 'other.4.x4', reason: 'epoch', ref: 3 })
    expect(run).toMatchObject({ type: 'run', after: (gap as { to: string }).to, messages: [{ offset: 1 }] })
  })

  it('§5.3 §5.4 subscribes, answers anew, and unsubscribes', async () => {
    const hub = testHub()
    const socket = await opened(hub)
    await hub.publish('a', 1)
    socket.send({ type: 'subscribe', channel: 'a', from: 'earliest', ref: 1 })
    await hub.clock.settle()
    expect(socket.ofType('run').at(-1)).toMatchObject({ ref: 1, messages: [{ data: 1 }] })
    socket.send({ type: 'subscribe', channel: 'a', from: { last: 1 }, ref: 2 })
    await hub.clock.settle()
    expect(socket.ofType('run').at(-1)).toMatchObject({ ref: 2, messages: [{ data: 1 }] })
    socket.send({ type: 'unsubscribe', channel: 'a' }, { type: 'unsubscribe', channel: 'never there' })
    await hub.publish('a', 2)
    await hub.clock.settle()
    expect(data(socket.frames)).toEqual([1, 1])
    expect(socket.ofType('error')).toEqual([])
  })

  it('§3.12 catches up in pages, in order, and goes on by itself', async () => {
    const hub = testHub()
    const text = 'x'.repeat(20_000)
    for (let n = 0; n < 30; n++) await hub.publish('a', `${n} ${text}`)
    const socket = await opened(hub, channel('a', 'earliest'), channel('b', 'earliest'))
    expect(data(socket.frames).map((value) => parseInt(String(value), 10))).toEqual(
      Array.from({ length: 30 }, (_, n) => n),
    )
    for (const batch of socket.batches) expect(batch.length).toBeLessThan(200_000)
    expect(socket.ofType('run').filter((run) => run.more).length).toBeGreaterThan(3)
    await hub.publish('a', 'live')
    await hub.clock.settle()
    expect(data(socket.frames).at(-1)).toBe('live')
  })

  it('S6 a slow reader costs a mark and a page, others notice nothing, and then it gets everything', async () => {
    const hub = testHub()
    const slow = await opened(hub, channel('a'))
    const quick = await opened(hub, channel('a'))
    slow.stuck = true
    const text = 'x'.repeat(10_000)
    for (let n = 0; n < 200; n++) {
      await hub.publish('a', `${n} ${text}`)
      await hub.clock.settle()
    }
    expect(slow.buffered()).toBeLessThan(64 * 1024 + 70_000)
    expect(slow.paused).toBe(true)
    expect(data(quick.frames)).toHaveLength(200)
    slow.drain()
    await hub.clock.settle()
    expect(slow.paused).toBe(false)
    expect(data(slow.frames).map((value) => parseInt(String(value), 10))).toEqual(
      Array.from({ length: 200 }, (_, n) => n),
    )
    expect(slow.ofType('gap')).toEqual([])
  })

  it('S6 a slow reader that history was trimmed past gets one gap', async () => {
    const hub = testHub()
    const slow = await opened(hub, channel('a'))
    slow.stuck = true
    const text = 'x'.repeat(5000)
    for (let n = 0; n < 1500; n++) await hub.publish('a', `${n} ${text}`)
    await hub.clock.settle()
    slow.drain()
    await hub.clock.settle()
    const gaps = slow.ofType('gap')
    expect(gaps).toHaveLength(1)
    expect(gaps[0]?.reason).toBe('trimmed')
    const offsets = slow.ofType('run').flatMap((run) => run.messages.map((message) => message.offset))
    const gapTo = Number(gaps[0]?.to.split('.')[1])
    const gapFrom = Number(gaps[0]?.from.split('.')[1])
    expect(offsets).toEqual([
      ...Array.from({ length: gapFrom }, (_, n) => n + 1),
      ...Array.from({ length: 1500 - gapTo }, (_, n) => gapTo + n + 1),
    ])
  })

  it('S6 a link that takes no byte for 60 s is destroyed', async () => {
    const hub = testHub()
    const socket = await opened(hub, channel('a'))
    socket.stuck = true
    await hub.publish('a', 'x'.repeat(1000))
    await hub.clock.advance(59_000)
    expect(socket.destroyed).toBe(false)
    await hub.clock.advance(2000)
    expect(socket.destroyed).toBe(true)
    expect(hub.health.links).toBe(0)
  })

  it('§7.2 is never silent for longer than the beat that the welcome told', async () => {
    const hub = testHub()
    const socket = new TestSocket().open(hub, hello({ heartbeatMs: 1 }))
    await hub.clock.settle()
    expect(socket.ofType('welcome')[0]?.heartbeatMs).toBe(3000)
    let count = socket.batches.length
    for (let n = 0; n < 10; n++) {
      await hub.clock.advance(3000)
      expect(socket.batches.length).toBeGreaterThan(count)
      count = socket.batches.length
    }
    expect(socket.ofType('heartbeat').length).toBeLessThan(20)
  })

  it('§5.5 answers a ping with a heartbeat at once', async () => {
    const hub = testHub()
    const socket = await opened(hub)
    socket.send({ type: 'ping' })
    await hub.clock.settle()
    expect(socket.frames.at(-1)).toEqual({ type: 'heartbeat', timeMs: hub.clock.wall() })
  })

  it('§9 a hello that does not come in time closes the link with 4408', async () => {
    const hub = testHub()
    const socket = new TestSocket().open(hub)
    await hub.clock.advance(9999)
    expect(socket.closed).toBeNull()
    await hub.clock.advance(1)
    expect(socket.closed?.code).toBe(4408)
    expect(socket.frames).toMatchObject([{ type: 'error', code: 'timeout' }])
    expect(hub.health.links).toBe(0)
  })

  it('§4.7 a token that is refused closes the link with 4401', async () => {
    const hub = testHub({
      authenticate: () => {
        throw new Error('secret reason')
      },
    })
    const socket = new TestSocket().open(hub, hello({ token: 'wrong' }))
    await hub.clock.settle()
    expect(socket.closed?.code).toBe(4401)
    expect(socket.batches.join()).not.toContain('secret')
  })

  it('a slow authenticate does not lose what came meanwhile', async () => {
    let answer: (user: { userId: string }) => void = () => {}
    const hub = testHub({ authenticate: () => new Promise((resolve) => (answer = resolve)) })
    const socket = new TestSocket().open(hub, hello())
    socket.send({ type: 'subscribe', channel: 'a', from: 'latest' })
    socket.send({ type: 'publish', channel: 'a', sequence: 1, data: 1 })
    await hub.clock.settle()
    expect(socket.frames).toEqual([])
    expect(socket.paused).toBe(true)
    answer({ userId: 'ann' })
    await hub.clock.settle()
    expect(socket.frames.map((frame) => frame.type)).toEqual(expect.arrayContaining(['welcome', 'run', 'ack']))
    expect(socket.paused).toBe(false)
  })

  it('§5.2 a second hello ends the link, and so does anything else before the first', async () => {
    const hub = testHub()
    const twice = await opened(hub)
    twice.send(hello())
    expect(twice.closed?.code).toBe(4400)
    const early = new TestSocket().open(hub, { type: 'ping' })
    expect(early.closed?.code).toBe(4400)
    expect(early.frames).toMatchObject([{ type: 'error', code: 'bad-request' }])
  })

  it('§9 refuses the 129th channel, and the others go on', async () => {
    const hub = testHub()
    const socket = await opened(hub)
    socket.send(...Array.from({ length: 129 }, (_, n) => ({ type: 'subscribe', channel: `c${n}`, from: 'latest' })))
    await hub.clock.settle()
    expect(socket.ofType('error')).toMatchObject([{ code: 'too-many', channel: 'c128' }])
    expect(socket.ofType('run')).toHaveLength(128)
    expect(socket.closed).toBeNull()
  })

  it('§7.4 S18 a drain answers what was published, says goodbye and closes with 1000', async () => {
    const hub = testHub()
    const socket = await opened(hub, channel('a'))
    socket.send({ type: 'publish', channel: 'a', sequence: 1, data: 1 })
    const closing = hub.close()
    await hub.clock.settle()
    await closing
    const types = socket.frames.map((frame) => frame.type)
    expect(types.at(-1)).toBe('goodbye')
    expect(types).toContain('ack')
    expect(socket.frames.at(-1)).toMatchObject({ reason: 'drain', retryAfterMs: aNumber })
    expect(socket.closed?.code).toBe(1000)
    expect(hub.health).toEqual({ status: 'draining', links: 0, channels: 0 })
    expect(hub.clock.pending).toBe(0)
  })

  it('R20 a link that is gone leaves no timer', async () => {
    const hub = testHub()
    const socket = await opened(hub, channel('a'))
    socket.session.gone()
    socket.session.gone()
    await hub.publish('a', 1)
    await hub.clock.advance(60_000)
    expect(hub.health).toEqual({ status: 'ready', links: 0, channels: 0 })
    expect(hub.clock.pending).toBe(0)
    expect(data(socket.frames)).toEqual([])
    expect(hub.failures).toEqual([])
  })

  it('§8.6 acks carry the position, and a repeat gets the first one', async () => {
    const hub = testHub()
    const socket = await opened(hub)
    const publish = { type: 'publish', channel: 'a', sequence: 1, data: { x: 1 } }
    socket.send(publish)
    await hub.clock.settle()
    const second = await hub.ask('/publish', { body: [hello({ client: CLIENT }), publish] })
    const [ack] = socket.ofType('ack')
    expect(ack?.position).toBe(`${ack?.position.split('.')[0]}.1.${ack?.id}`)
    expect(second.frames[1]).toEqual(ack)
  })
})
