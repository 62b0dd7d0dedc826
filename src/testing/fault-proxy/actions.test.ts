import { describe, expect, it } from 'vitest'
import { openSocket, send } from './test-rig.ts'
import { rig, faults, port, fired, get, held, instant, openStream, rigForEach } from './test-set-up.ts'

rigForEach()

describe('an action that decides at the start', () => {
  it('refuse: RST, on HTTP and on the upgrade, and nothing reaches the hub', async () => {
    const id = faults.add({ match: {}, action: { type: 'refuse' } })
    expect((await send(port, '/poll')).end).toBe('ECONNRESET')
    await openSocket(port).sees('error ECONNRESET')
    expect(rig.requests).toEqual([])
    expect(await fired('refuse')).toMatchObject({ rule: id, path: '/poll' })
  })

  it('hang: no answer, and the client may give up', async () => {
    faults.add({ match: {}, action: { type: 'hang' } })
    const [client, socket] = [get('/poll'), openSocket(port)]
    await fired('hang')
    await faults.waitFor((event) => event.kind === 'fault' && event.path === '/')
    client.socket.destroy()
    socket.ws.terminate()
    await faults.waitFor((event) => event.kind === 'end' && event.path === '/poll')
    await faults.waitFor((event) => event.kind === 'end' && event.path === '/')
    expect(client.text()).toBe('')
    expect(socket.seen).not.toContain('open')
    expect(rig.requests).toEqual([])
  })

  it('fin and reset: the end, at once', async () => {
    faults.add({ match: { path: '/fin' }, action: { type: 'fin' } })
    faults.add({ match: { path: '/reset' }, action: { type: 'reset' } })
    expect(await get('/fin').end).toBe('fin')
    expect(await get('/reset').end).toBe('ECONNRESET')
    await fired('fin')
    await fired('reset')
  })

  it('respond: own status, headers and body for a request and an upgrade, without the hub', async () => {
    const headers = { 'Retry-After': '2' }
    faults.add({ match: {}, action: { type: 'respond', status: 503, headers, body: 'no' } })
    expect(await send(port, '/poll', held)).toMatchObject({ status: 503, body: 'no', headers: { 'retry-after': '2' } })
    const socket = openSocket(port)
    await socket.sees('status 503')
    socket.ws.terminate()
    expect(rig.requests).toEqual([])
    await fired('respond')
  })

  it('replayPrevious: request k gets the answer to k - 1, while the hub answers k', async () => {
    faults.add({ match: { path: '/poll' }, action: { type: 'replayPrevious' } })
    expect((await send(port, '/poll', 'a')).body).toBe('answer 1: a')
    expect(faults.log.some((event) => event.kind === 'fault')).toBe(false)
    expect((await send(port, '/poll', 'b')).body).toBe('answer 1: a')
    await fired('replayPrevious')
    await rig.until(() => rig.requests.length === 2)
  })

  it('reorder: the answer to k comes after those to k + 1 and k + 2', async () => {
    faults.add({ match: { path: '/poll' }, action: { type: 'reorder' }, times: 1 })
    const order: string[] = []
    const ask = (body: string): Promise<unknown> => send(port, '/poll', body).then((got) => order.push(got.body))
    const first = ask('a')
    await fired('reorder')
    await rig.until(() => rig.requests.length === 1)
    await ask('b')
    await ask('c')
    await first
    expect(order).toEqual(['answer 2: b', 'answer 3: c', 'answer 1: a'])
    expect((await send(port, '/poll', 'd')).body).toBe('answer 4: d')
  })

  it('duplicate: the hub gets the request twice, the client one answer', async () => {
    faults.add({ match: { path: '/publish' }, action: { type: 'duplicate' } })
    expect((await send(port, '/publish', 'x')).body).toMatch(/^answer [12]: x$/)
    await rig.until(() => rig.requests.length === 2)
    expect(rig.requests).toEqual(['POST /publish x', 'POST /publish x'])
    await fired('duplicate')
  })

  it('dropAnswer: the hub acts, the client gets an RST', async () => {
    faults.add({ match: { frame: 'publish' }, action: { type: 'dropAnswer' }, times: 1 })
    const body = JSON.stringify([{ type: 'publish' }])
    expect((await send(port, '/publish', instant)).end).toBe('ok')
    expect((await send(port, '/publish', body)).end).toBe('ECONNRESET')
    expect(rig.requests[1]).toBe(`POST /publish ${body}`)
    await fired('dropAnswer')
    expect((await send(port, '/publish', body)).end).toBe('ok')
  })
})

describe('an action on the bytes of an answer', () => {
  it('reset and fin after n bytes: exactly n bytes come', async () => {
    for (const type of ['reset', 'fin'] as const) {
      faults.clear()
      faults.add({ match: { path: '/stream' }, action: { type, bytes: 5 } })
      const client = await openStream()
      rig.streams.at(-1)?.write('0123456789')
      expect(await client.end).toBe(type === 'reset' ? 'ECONNRESET' : 'fin')
      expect(client.text()).toMatch(/\r\n01234\r\n$/)
      expect(await fired(type)).toMatchObject({ direction: 'down', bytes: 5 })
      client.socket.destroy()
    }
  })

  it('reset with bytes 0: the head comes, nothing after it', async () => {
    faults.add({ match: { path: '/stream' }, action: { type: 'reset', bytes: 0 } })
    const client = get('/stream')
    expect(await client.end).toBe('ECONNRESET')
    expect(client.text()).toMatch(/^HTTP\/1.1 200 OK\r\n(.+\r\n)+\r\n$/)
  })

  it('reset afterMs: ends a silent link', async () => {
    faults.add({ match: { path: '/stream', afterMs: 30 }, action: { type: 'reset' } })
    expect(await (await openStream()).end).toBe('ECONNRESET')
    await fired('reset')
  })

  it('reset after n bytes: in the middle of a character', async () => {
    faults.add({ match: { path: '/stream' }, action: { type: 'reset', bytes: 7 } })
    const client = await openStream()
    rig.streams[0]?.write('data: ü')
    expect(await client.end).toBe('ECONNRESET')
    expect(Buffer.concat(client.chunks).includes(Buffer.from('data: \u00c3\r\n', 'latin1'))).toBe(true)
  })

  it('limit: a chunked answer ends in good order after n bytes, or after n ms', async () => {
    const id = faults.add({ match: { path: '/stream' }, action: { type: 'limit', bytes: 3 } })
    const stream = send(port, '/stream')
    await rig.until(() => rig.streams.length === 1)
    rig.streams[0]?.write('abcdef')
    expect(await stream).toMatchObject({ body: 'abc', end: 'ok' })
    await fired('limit')
    await rig.until(() => rig.streams.length === 0)
    faults.remove(id)
    faults.add({ match: { path: '/stream' }, action: { type: 'limit', ms: 20 } })
    expect(await send(port, '/stream')).toMatchObject({ body: '', end: 'ok' })
  })

  it('limit: an answer with a length is cut short', async () => {
    faults.add({ match: { path: '/poll' }, action: { type: 'limit', bytes: 3 } })
    expect(await send(port, '/poll')).toMatchObject({ body: 'ans', end: 'ECONNRESET' })
  })

  it('oneBehind: chunk n comes with n + 1, the last with the end', async () => {
    faults.add({ match: { path: '/stream' }, action: { type: 'oneBehind' } })
    const client = await openStream()
    rig.streams[0]?.write('[one]')
    await fired('oneBehind')
    await faults.waitFor((event) => event.kind === 'status')
    rig.streams[0]?.write('[two]')
    await client.sees('[one]')
    expect(client.text()).not.toContain('[two]')
    rig.streams[0]?.end()
    await client.sees('[two]')
    client.socket.destroy()
    expect((await send(port, '/poll')).body).toBe('answer 2: ')
  })

  it('bufferAll: not even the head comes before the end', async () => {
    faults.add({ match: { path: '/stream' }, action: { type: 'bufferAll' } })
    const client = get('/stream')
    await rig.until(() => rig.streams.length === 1)
    rig.streams[0]?.write('data: [{"type":"welcome"}]\n\n')
    await faults.waitFor((event) => event.frameType === 'welcome')
    await fired('bufferAll')
    expect(client.text()).toBe('')
    rig.streams[0]?.end()
    await client.sees('welcome')
    client.socket.destroy()
  })

  it('clear: what was held back comes', async () => {
    faults.add({ match: { path: '/stream' }, action: { type: 'bufferAll' } })
    const client = get('/stream')
    await rig.until(() => rig.streams.length === 1)
    await fired('bufferAll')
    faults.clear()
    await client.sees('200 OK')
    client.socket.destroy()
  })

  it('slice: the body comes in pieces', async () => {
    faults.add({ match: { path: '/stream' }, action: { type: 'slice', bytes: 2, gapMs: 10 } })
    const client = await openStream()
    const before = client.chunks.length
    rig.streams[0]?.write('abcdefgh')
    await client.sees('gh')
    // Each piece is a chunk of the transfer coding, whatever TCP made of them.
    expect(Buffer.concat(client.chunks.slice(before)).toString()).toContain('2\r\nab\r\n2\r\ncd\r\n2\r\nef\r\n2\r\ngh')
    expect(await fired('slice')).toMatchObject({ path: '/stream' })
    client.socket.destroy()
  })

  it('throttle: bytes per second', async () => {
    faults.add({ match: { path: '/stream', direction: 'down' }, action: { type: 'throttle', bytesPerSecond: 1000 } })
    const client = await openStream()
    const startMs = performance.now()
    rig.streams[0]?.write(`${'x'.repeat(299)}!`)
    await client.sees('!')
    // Never sooner: a slow machine can only add to it.
    expect(performance.now() - startMs).toBeGreaterThan(250)
    await fired('throttle')
    client.socket.destroy()
  })

  it('delay: each way, and in order', async () => {
    faults.add({ match: {}, action: { type: 'delay', ms: 40 } })
    const startMs = performance.now()
    const client = openSocket(port)
    await client.sees('open')
    expect(performance.now() - startMs).toBeGreaterThan(75)
    for (const text of ['1', '2', '3']) client.ws.send(text)
    await client.sees('message 3')
    expect(client.seen).toEqual(['open', 'message 1', 'message 2', 'message 3'])
    await fired('delay')
    client.ws.terminate()
  })
})
