import http from 'node:http'
import { describe, expect, it } from 'vitest'
import { bodyOf, openSocket, send, startRig } from './test-rig.ts'
import { rig, faults, port, fired, openStream, rigForEach } from './test-set-up.ts'

rigForEach()

const extra = { type: 'extra', n: 1 }
const a = '{"type":"a","big":12345678901234567890}'
const b = '{"type":"b"}'
const x = JSON.stringify(extra)
const json = { headers: { 'Content-Type': 'application/json' } }

/** Opens a WebSocket to the echo of the rig, and sends a batch. */
const echo = async (batch: string) => {
  const client = openSocket(port)
  await client.sees('open')
  client.ws.send(batch)
  return client
}

describe('inject', () => {
  it('WebSocket: before or after a frame, up or down, and the log says where', async () => {
    faults.add({ match: { frame: 'a', direction: 'up' }, action: { type: 'inject', frame: extra, where: 'before' } })
    faults.add({ match: { frame: 'b', direction: 'down' }, action: { type: 'inject', frame: { type: 'late' } } })
    const client = await echo(`[${a},${b}]`)
    await client.sees(`message [${x},${a},${b},{"type":"late"}]`)
    expect(await fired('inject')).toMatchObject({ direction: 'up', frameType: 'a', path: '/' })
    expect(faults.log.filter(({ kind }) => kind === 'frame').map((event) => event.frameType)).toEqual([
      'extra',
      'a',
      'b',
      'extra',
      'a',
      'b',
      'late',
    ])
    client.ws.terminate()
  })

  it('WebSocket: the nth frame only, counted over all links; times counts frames', async () => {
    faults.add({
      match: { kind: 'ws', frame: 'b', direction: 'down', nth: 2 },
      action: { type: 'inject', frame: extra },
    })
    faults.add({ match: { frame: 'a', direction: 'up' }, action: { type: 'inject', frame: extra }, times: 2 })
    const first = await echo(`[${b}]`)
    await first.sees(`message [${b}]`)
    const second = await echo(`[${b},${b}]`)
    await second.sees(`message [${b},${x},${b}]`)
    second.ws.send(`[${a},${a},${a}]`)
    await second.sees(`message [${a},${x},${a},${x},${a}]`)
    expect(faults.rules).toMatchObject([{ fired: 1 }, { fired: 2, spent: true }])
    for (const { ws } of [first, second]) ws.terminate()
  })

  it.each([10, 126, 70_000])('WebSocket: frames of about %i bytes, masked where they must be', async (size) => {
    const large = { type: 'large', text: 'x'.repeat(size) }
    faults.add({ match: { frame: 'b' }, action: { type: 'inject', frame: large } })
    const client = await echo(`[${b}]`)
    const l = JSON.stringify(large)
    // Once up and once down: the echo of what was injected is injected to.
    await client.sees(`message [${b},${l},${l}]`)
    client.ws.terminate()
  })

  it('SSE: into an event, which keeps its id, and other events keep every byte', async () => {
    faults.add({ match: { path: '/stream', frame: 'b' }, action: { type: 'inject', frame: extra, where: 'before' } })
    const client = await openStream()
    rig.streams[0]?.write(`: hello\n\nid: 7\ndata: [${a},${b}]\n\ndata:[${a}]\n\n`)
    await client.sees(`data:[${a}]\n\n`)
    expect(client.text()).toContain(`: hello\n\n`)
    expect(client.text()).toContain(`id: 7\ndata: [${a},${x},${b}]\n\n`)
    await fired('inject')
    client.socket.destroy()
  })

  it('poll: into the answer, under a length that is true, and the connection goes on', async () => {
    faults.add({ match: { path: '/echo', frame: 'b', direction: 'down' }, action: { type: 'inject', frame: extra } })
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    const got = await send(port, '/poll/echo', `[${b}]`, { ...json, agent })
    expect(got).toMatchObject({ status: 200, body: `[${b},${x}]`, end: 'ok' })
    expect(got.headers?.['content-length']).toBe(String(got.body.length))
    expect((await send(port, '/poll/echo', `[${a}]`, { ...json, agent })).body).toBe(`[${a}]`)
    expect(rig.requests).toEqual([`POST /poll/echo [${b}]`, `POST /poll/echo [${a}]`])
    expect(faults.log.filter(({ kind }) => kind === 'connect')).toHaveLength(1)
    agent.destroy()
  })

  it('poll: into an answer that was under way when the rule came', async () => {
    const client = http.request({ port, path: '/poll/echo', method: 'POST', host: '127.0.0.1', agent: false, ...json })
    const answer = new Promise<http.IncomingMessage>((resolve) => client.on('response', resolve))
    client.write(`[${b}`)
    await faults.waitFor(({ kind }) => kind === 'request')
    faults.add({ match: { frame: 'b', direction: 'down' }, action: { type: 'inject', frame: extra } })
    client.end(']')
    expect(await bodyOf(await answer)).toBe(`[${b},${x}]`)
  })

  it('publish: into the request, before what the hub decides by', async () => {
    faults.add({ match: { frame: 'b', direction: 'up' }, action: { type: 'inject', frame: extra, where: 'before' } })
    faults.add({ match: { frame: 'extra' }, action: { type: 'duplicate' } })
    await send(port, '/publish', `[${b}]`, json)
    await rig.until(() => rig.requests.length === 2)
    expect(rig.requests).toEqual([`POST /publish [${x},${b}]`, `POST /publish [${x},${b}]`])
  })
})

describe('replace', () => {
  it('WebSocket: another frame, or the same with fields set; the others keep every byte', async () => {
    faults.add({ match: { frame: 'b', direction: 'up' }, action: { type: 'replace', frame: extra } })
    faults.add({ match: { frame: 'extra', direction: 'down' }, action: { type: 'replace', set: { n: 2, m: [] } } })
    const client = await echo(`[${a},${b}]`)
    await client.sees(`message [${a},{"type":"extra","n":2,"m":[]}]`)
    await fired('replace')
    client.ws.terminate()
  })

  it('SSE: a frame of an event', async () => {
    faults.add({ match: { frame: 'b' }, action: { type: 'replace', frame: extra } })
    const client = await openStream()
    rig.streams[0]?.write(`data: [${a},\ndata: ${b}]\n\n`)
    await client.sees(`data: [${a},${x}]\n\n`)
    client.socket.destroy()
  })

  it('poll: a frame of the answer, and of the one that a cache gives', async () => {
    faults.add({ match: { path: '/echo', frame: 'b', direction: 'down' }, action: { type: 'replace', frame: extra } })
    faults.add({ match: { path: '/echo' }, action: { type: 'replayPrevious' } })
    expect((await send(port, '/poll/echo', `[${b}]`, json)).body).toBe(`[${x}]`)
    expect((await send(port, '/poll/echo', `[${a}]`, json)).body).toBe(`[${x}]`)
    expect((await send(port, '/poll/echo', `[${a}]`, json)).body).toBe(`[${a}]`)
  })

  it('publish: a frame of the request; one that stands alone stays alone', async () => {
    faults.add({ match: { path: '/publish', frame: 'b' }, action: { type: 'replace', set: { data: 'ü' } } })
    await send(port, '/publish', `[${b}]`, json)
    await send(port, '/publish', b, json)
    expect(rig.requests).toEqual(['POST /publish [{"type":"b","data":"ü"}]', 'POST /publish {"type":"b","data":"ü"}'])
  })

  it('a hello that is made to wait counts as held', async () => {
    faults.add({ match: { frame: 'hello' }, action: { type: 'replace', set: { waitMs: 5_000 } } })
    faults.add({ match: { held: true }, action: { type: 'reset' } })
    expect((await send(port, '/poll', '[{"type":"hello"}]')).end).toBe('ECONNRESET')
  })

  it('afterMs and afterBytes: not before', async () => {
    faults.add({ match: { frame: 'b', afterMs: 60_000 }, action: { type: 'replace', frame: extra } })
    faults.add({ match: { frame: 'b', afterBytes: 10 }, action: { type: 'replace', frame: { type: 'c' } } })
    const client = await openStream()
    rig.streams[0]?.write(`data: [${b}]\n\ndata: [${b}]\n\n`)
    await client.sees(`data: [${b}]\n\n`)
    await client.sees('data: [{"type":"c"}]\n\n')
    expect(client.text()).not.toContain('extra')
    client.socket.destroy()
  })
})

describe('a rule about frames', () => {
  it('lets pass what is no frame: the close of a WebSocket, other bodies, other types', async () => {
    faults.add({ match: { frame: 'b' }, action: { type: 'replace', frame: extra } })
    const client = await echo('hello')
    await client.sees('message hello')
    client.ws.ping()
    await new Promise((resolve) => client.ws.once('pong', resolve))
    client.ws.close(4002)
    await client.sees('close 4002')
    expect((await send(port, '/poll', 'no JSON')).body).toBe('answer 1: no JSON')
    const html = { headers: { 'Content-Type': 'text/html' } }
    expect((await send(port, '/poll', `[${b}]`, html)).body).toBe(`answer 2: [${b}]`)
    expect((await send(port, '/poll', undefined, { method: 'HEAD' })).status).toBe(200)
    expect(faults.log.some(({ kind }) => kind === 'fault')).toBe(false)
  })

  it('an answer that is longer than may be held ends the link', async () => {
    const small = await startRig({ maxHeldBytes: 20 })
    const { faults, port } = small.proxy
    faults.add({ match: { frame: 'b', direction: 'down' }, action: { type: 'inject', frame: extra } })
    expect((await send(port, '/poll/echo', `[${b}]`, json)).body).toBe(`[${b},${x}]`)
    expect((await send(port, '/poll/echo', `[${b},${b}]`, json)).end).toBe('ECONNRESET')
    await faults.waitFor(({ action, direction }) => action === 'overflow' && direction === 'down')
    await small.close()
  })

  it('a message that is longer than 1 MiB, or that began before the rule, passes as it is', async () => {
    faults.add({ match: { frame: 'b' }, action: { type: 'inject', frame: extra } })
    const long = `[${b},"${'x'.repeat(1_048_576)}"]`
    const client = await echo(long)
    await client.sees(`message ${long}`)
    faults.clear()
    client.ws.send(`[${b},`, { fin: false })
    await rig.until(() => rig.sockets.length === 1)
    client.ws.ping()
    await new Promise((resolve) => client.ws.once('pong', resolve))
    faults.add({ match: { frame: 'b', direction: 'up' }, action: { type: 'inject', frame: extra } })
    client.ws.send('1]', { fin: true })
    await client.sees(`message [${b},1]`)
    client.ws.terminate()
  })
})
