import { describe, expect, it } from 'vitest'
import { openSocket, send } from './test-rig.ts'
import { rig, faults, port, fired, get, held, instant, openStream, rigForEach } from './test-set-up.ts'

rigForEach()

describe('suppress', () => {
  it('from the start: a WebSocket opens and stays mute, and no end is seen on either side', async () => {
    faults.add({ match: { kind: 'ws' }, action: { type: 'suppress' } })
    const client = openSocket(port)
    await client.sees('open')
    client.ws.send('up')
    await rig.until(() => rig.sockets.length === 1)
    let got = 0
    rig.sockets[0]?.on('message', () => got++)
    rig.sockets[0]?.send('[{"type":"welcome"}]')
    await faults.waitFor((event) => event.frameType === 'welcome')
    await fired('suppress')
    client.ws.terminate()
    // The proof that the client's end came to the proxy and no further needs traffic that is not suppressed.
    faults.clear()
    await send(port, '/poll')
    expect(client.seen).not.toContain('message [{"type":"welcome"}]')
    expect([got, rig.sockets.length]).toEqual([0, 1])
  })

  it('on a living link, which stays dead after clear() while new ones work', async () => {
    const client = openSocket(port)
    await client.sees('open')
    client.ws.send('before')
    await client.sees('message before')
    faults.add({ match: {}, action: { type: 'suppress', direction: 'both' } })
    await fired('suppress')
    faults.clear()
    client.ws.send('after')
    const other = openSocket(port)
    await other.sees('open')
    other.ws.send('works')
    await other.sees('message works')
    expect(client.seen).toEqual(['open', 'message before'])
    expect(client.ws.readyState).toBe(client.ws.OPEN)
    other.ws.terminate()
  })

  it('from a frame on: what came before it in the same packet passes', async () => {
    faults.add({ match: { frame: 'b', direction: 'down' }, action: { type: 'suppress', direction: 'down' } })
    const client = openSocket(port)
    await client.sees('open')
    const [a, b] = ['[{"type":"a"}]', '[{"type":"x"},{"type":"b"}]']
    client.ws.send(a)
    client.ws.send(b)
    await client.sees(`message ${a}`)
    await fired('suppress')
    await faults.waitFor((event) => event.direction === 'down' && event.frameType === 'b')
    expect(client.seen).toEqual(['open', `message ${a}`])
    client.ws.terminate()
  })

  it('after n bytes of a stream: exactly those come, and afterBytes 0 lets the head through', async () => {
    for (const afterBytes of [4, 0]) {
      faults.clear()
      faults.add({ match: { path: '/stream', afterBytes }, action: { type: 'suppress', direction: 'down' } })
      const client = await openStream()
      rig.streams.at(-1)?.write('data: [{"type":"z"}]\n\n')
      if (afterBytes > 0) await client.sees('data')
      const event = await faults.waitFor((e) => e.kind === 'fault' && e.bytes === afterBytes)
      expect(event.action).toBe('suppress')
      rig.streams.at(-1)?.end()
      await rig.until(() => rig.streams.length === 0)
      expect(client.text().endsWith(afterBytes > 0 ? '\r\ndata\r\n' : '\r\n\r\n')).toBe(true)
      client.socket.destroy()
    }
  })

  it('of a request: the hub never hears of it', async () => {
    faults.add({ match: { path: '/poll' }, action: { type: 'suppress', direction: 'up' } })
    const client = get('/poll')
    await fired('suppress')
    client.socket.destroy()
    await faults.waitFor((event) => event.kind === 'end' && event.path === '/poll')
    expect(rig.requests).toEqual([])
  })
})

describe('match', () => {
  it('held: the waiting poll is hit, the instant one is not', async () => {
    faults.add({ match: { kind: 'http', path: '/poll', held: true }, action: { type: 'reset' } })
    expect((await send(port, '/poll', held)).end).toBe('ECONNRESET')
    expect((await send(port, '/poll', instant)).end).toBe('ok')
    expect((await send(port, '/poll')).end).toBe('ok')
    faults.clear()
    faults.add({ match: { path: '/poll', held: false }, action: { type: 'reset' } })
    expect((await send(port, '/poll', held)).end).toBe('ok')
    expect((await send(port, '/poll', instant)).end).toBe('ECONNRESET')
  })

  it('nth and times: only the second, only twice', async () => {
    faults.add({ match: { path: '/nth', nth: 2 }, action: { type: 'reset' } })
    faults.add({ match: { path: '/times' }, action: { type: 'reset' }, times: 2 })
    const ends: string[] = []
    for (const path of ['/nth', '/nth', '/nth', '/times', '/times', '/times']) ends.push((await send(port, path)).end)
    expect(ends).toEqual(['ok', 'ECONNRESET', 'ok', 'ECONNRESET', 'ECONNRESET', 'ok'])
    expect(faults.rules[1]).toMatchObject({ fired: 2, spent: true })
  })

  it('frame in an event stream: the event before it comes whole', async () => {
    faults.add({ match: { path: '/stream', frame: 'b' }, action: { type: 'reset' } })
    const client = await openStream()
    rig.streams[0]?.write('data: [{"type":"a"}]\n\ndata: [{"ty')
    await client.sees('"a"}]\n\n')
    rig.streams[0]?.write('pe":"b"}]\n\n')
    expect(await client.end).toBe('ECONNRESET')
    expect(client.text()).not.toContain('ty":"b"')
    expect(client.text()).not.toContain('[{"ty\r\n')
  })

  it('frame in a JSON answer: nothing of its body comes, and the other direction does not count', async () => {
    faults.add({ match: { path: '/echo', frame: 'b', direction: 'down' }, action: { type: 'reset' } })
    const json = { headers: { 'Content-Type': 'application/json' } }
    expect(await send(port, '/poll/echo', '[{"type":"a"}]', json)).toMatchObject({ end: 'ok' })
    expect(await send(port, '/poll/echo', '[{"type":"b"}]', json)).toMatchObject({ body: '', end: 'ECONNRESET' })
    expect(await fired('reset')).toMatchObject({ direction: 'down', bytes: 0 })
    expect(rig.requests).toHaveLength(2)
  })

  it('frame and nth: the third of these frames, counted over all links', async () => {
    faults.add({ match: { kind: 'ws', frame: 'b', direction: 'up', nth: 3 }, action: { type: 'reset' } })
    const [first, second] = [openSocket(port), openSocket(port)]
    for (const client of [first, second]) await client.sees('open')
    first.ws.send('[{"type":"b"},{"type":"a"}]')
    await first.sees('message [{"type":"b"},{"type":"a"}]')
    second.ws.send('[{"type":"b"}]')
    await second.sees('message [{"type":"b"}]')
    second.ws.send('[{"type":"b"}]')
    await second.sees('close 1006')
    expect(first.ws.readyState).toBe(first.ws.OPEN)
    first.ws.terminate()
  })

  it('kind: a rule for http leaves a WebSocket of the same path alone, and the other way round', async () => {
    faults.add({ match: { kind: 'http', path: '/' }, action: { type: 'refuse' } })
    const client = openSocket(port)
    await client.sees('open')
    faults.clear()
    faults.add({ match: { kind: 'ws' }, action: { type: 'refuse' } })
    expect((await send(port, '/')).end).toBe('ok')
    client.ws.terminate()
  })

  it('cut: the living links that match, at once', async () => {
    const [stream, socket] = [await openStream(), openSocket(port)]
    await socket.sees('open')
    expect(faults.cut({ kind: 'http', path: '/stream' })).toBe(1)
    expect(await stream.end).toBe('ECONNRESET')
    expect(socket.ws.readyState).toBe(socket.ws.OPEN)
    expect(faults.cut({ kind: 'ws', how: 'fin' })).toBe(1)
    await socket.sees('close 1006')
    await fired('cut')
    await rig.until(() => rig.streams.length === 0 && rig.sockets.length === 0)
  })

  it('cut with a code: a WebSocket is closed as its server would close it', async () => {
    const socket = openSocket(port)
    await socket.sees('open')
    expect(faults.cut({ kind: 'ws', code: 1011 })).toBe(1)
    await socket.sees('close 1011')
    await fired('cut')
    await rig.until(() => rig.sockets.length === 0)
  })
})

describe('kind tcp', () => {
  it('refuse and hang', async () => {
    const id = faults.add({ match: { kind: 'tcp' }, action: { type: 'refuse' } })
    expect(await get('/poll').end).toBe('ECONNRESET')
    faults.remove(id)
    faults.add({ match: { kind: 'tcp' }, action: { type: 'hang' } })
    const client = get('/poll')
    await fired('hang')
    expect(client.text()).toBe('')
    client.socket.destroy()
    await faults.waitFor((event) => event.kind === 'end' && event.link === 2)
  })

  it('reset after n raw bytes: in the middle of the head', async () => {
    faults.add({ match: { kind: 'tcp' }, action: { type: 'reset', bytes: 10 } })
    const client = get('/poll')
    expect(await client.end).toBe('ECONNRESET')
    expect(client.text()).toBe('HTTP/1.1 2')
  })

  it('fin after n raw bytes, and limit after a while', async () => {
    const id = faults.add({ match: { kind: 'tcp' }, action: { type: 'fin', bytes: 10 } })
    const client = get('/poll')
    expect(await client.end).toBe('fin')
    expect(client.text()).toBe('HTTP/1.1 2')
    faults.remove(id)
    faults.add({ match: { kind: 'tcp' }, action: { type: 'limit', ms: 20 } })
    expect(await (await openStream()).end).toBe('fin')
    await fired('limit')
  })

  it('slice, throttle and delay of raw bytes leave the answer whole', async () => {
    faults.add({ match: { kind: 'tcp' }, action: { type: 'slice', bytes: 7, gapMs: 1 } })
    faults.add({ match: { kind: 'tcp' }, action: { type: 'throttle', bytesPerSecond: 20_000 } })
    faults.add({ match: { kind: 'tcp' }, action: { type: 'delay', ms: 5, jitterMs: 5 } })
    expect(await send(port, '/poll', 'x'.repeat(300))).toMatchObject({
      body: `answer 1: ${'x'.repeat(300)}`,
      end: 'ok',
    })
    for (const action of ['slice', 'throttle', 'delay'] as const) await fired(action)
  })

  it('suppress: a living connection falls silent', async () => {
    const client = await openStream()
    faults.add({ match: { kind: 'tcp' }, action: { type: 'suppress', direction: 'down' } })
    await fired('suppress')
    rig.streams[0]?.end('data: [{"type":"late"}]\n\n')
    await faults.waitFor((event) => event.frameType === 'late')
    await rig.until(() => rig.streams.length === 0)
    expect(client.text()).not.toContain('late')
    expect(client.socket.readyState).toBe('open')
    client.socket.destroy()
  })
})
