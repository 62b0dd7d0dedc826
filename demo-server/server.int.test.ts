import http from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startDemoServer } from './server.ts'
import type { DemoServer } from './server.ts'

let server: DemoServer
beforeAll(async () => {
  server = await startDemoServer({ port: 0, feeds: false, maxWeathers: 4 })
})
afterAll(() => server.close())

const get = (path: string, init?: RequestInit) => fetch(server.url + path, { redirect: 'manual', ...init })

/** `fetch` would tidy the path up before it is sent. */
function rawStatus(path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    http
      .get({ host: '127.0.0.1', port: server.port, path, agent: false }, (res) => {
        res.resume()
        resolve(res.statusCode ?? 0)
      })
      .on('error', reject)
  })
}

const order = (path: string, body: unknown, headers: Record<string, string> = { 'Content-Type': 'application/json' }) =>
  get(path, { method: 'POST', headers, body: typeof body === 'string' ? body : JSON.stringify(body) })

describe('pages', () => {
  it.each(['/', '/chat', '/lab', '/quotes', '/examples/script-tag/', '/examples/quotes/'])(
    'serves %s as HTML that is never kept, under a strict policy',
    async (path) => {
      const res = await get(path)
      expect(res.status).toBe(200)
      expect(res.headers.get('content-type')).toBe('text/html; charset=utf-8')
      expect(res.headers.get('cache-control')).toBe('no-store')
      expect(res.headers.get('content-security-policy')).toMatch(/^default-src 'self'/)
      expect(res.headers.get('content-security-policy')).not.toMatch(/unsafe/)
      expect(res.headers.get('x-content-type-options')).toBe('nosniff')
      expect(await res.text()).toMatch(/^<!doctype html>/)
    },
  )

  it.each([
    ['/pages/css/base.css', 'text/css; charset=utf-8'],
    ['/pages/js/lab.js', 'text/javascript; charset=utf-8'],
    ['/favicon.svg', 'image/svg+xml'],
  ])('serves %s as %s, and 304 when it is known', async (path, type) => {
    const res = await get(path)
    expect(res.status).toBe(200)
    expect(res.headers.get('content-type')).toBe(type)
    const again = await get(path, { headers: { 'If-None-Match': res.headers.get('etag') ?? '' } })
    expect(again.status).toBe(304)
  })

  it('allows the script of an example by its hash', async () => {
    const res = await get('/examples/script-tag/')
    expect(res.headers.get('content-security-policy')).toMatch(/script-src 'self' 'sha256-[A-Za-z0-9+/]{43}='/)
  })

  it('answers a HEAD without a body', async () => {
    const res = await get('/', { method: 'HEAD' })
    expect(res.status).toBe(200)
    expect(await res.text()).toBe('')
  })

  it('adds the slash of a folder', async () => {
    const res = await get('/examples/quotes')
    expect(res.status).toBe(308)
    expect(res.headers.get('location')).toBe('/examples/quotes/')
  })

  it.each(['/nothing', '/pages/', '/pages/tsconfig.json', '/pages/globals.d.ts', '/examples/', '/pages/../server.ts'])(
    'finds nothing at %s',
    async (path) => {
      expect(await rawStatus(path)).toBe(404)
    },
  )

  it.each(['/pages/%2e%2e/server.ts', '/pages/..%2fserver.ts', '/pages//etc/passwd', '/pages/%00', '/%', '//'])(
    'is not led out of its folders by %s',
    async (path) => {
      expect(await rawStatus(path)).toBe(404)
    },
  )

  it('refuses other methods', async () => {
    const res = await get('/chat', { method: 'POST', body: 'x' })
    expect(res.status).toBe(405)
    expect(res.headers.get('allow')).toBe('GET, HEAD')
  })
})

describe('the hub', () => {
  it('is at /realtime', async () => {
    const res = await get('/realtime/health')
    expect(res.status).toBe(200)
    expect(await res.json()).toEqual({ status: 'ready' })
  })

  it('keeps chat and lets nobody publish quotes', async () => {
    const headers = { 'Content-Type': 'application/json' }
    const chat = await order('/realtime/publish?channel=chat:lobby', { user: 'curl', text: 'hi' }, headers)
    expect(chat.status).toBe(200)
    const quotes = await order('/realtime/publish?channel=quotes:KELP', { bid: 1, ask: 2 }, headers)
    expect(quotes.status).toBe(403)
    const poll = await get('/realtime/poll?channel=chat:lobby&since=last:5')
    expect(await poll.text()).toContain('"text":"hi"')
  })
})

describe('weathers', () => {
  it('reaches the same hub, through faults', async () => {
    await server.hub.publish('chat:weather', { user: 'ann', text: 'through' })
    const path = '/realtime/poll?channel=chat:weather&since=earliest'
    expect(await (await get(`/weather/a${path}`)).text()).toContain('through')
    server.weather('a').set('unavailable', true)
    expect((await get(`/weather/a${path}`)).status).toBe(503)
    expect((await get(path)).status).toBe(200)
    expect((await get(`/weather/b${path}`)).status).toBe(200)
    server.weather('a').reset()
    expect((await get(`/weather/a${path}`)).status).toBe(200)
  })

  it('is switched over HTTP, beside the faults', async () => {
    await order('/weather/a/control', { weather: 'everything-down', on: true })
    const report = (await (await get('/weather/a/control')).json()) as { weathers: { id: string; on: boolean }[] }
    expect(report.weathers.filter(({ on }) => on).map(({ id }) => id)).toEqual(['everything-down'])
    await expect(get('/weather/a/realtime/health')).rejects.toThrow()
    expect((await order('/weather/a/control', { reset: true })).status).toBe(200)
    expect((await get('/weather/a/realtime/health')).status).toBe(200)
    expect(server.weather('a').on).toEqual([])
  })

  it.each([
    ['no such weather', { weather: 'hail', on: true }, /^weather: expected one of .*refuse-upgrade/],
    ['no state', { weather: 'latency' }, /^on: expected true or false/],
    ['a state of another type', { weather: 'latency', on: 'yes' }, /^on: expected/],
    ['a name of the prototype', { weather: 'constructor', on: true }, /^weather: expected/],
    ['a list', [], /^Expected a JSON object/],
    ['null', 'null', /^Expected a JSON object/],
    ['no JSON', '{', /^Expected a JSON object/],
    ['too much', JSON.stringify({ weather: 'x'.repeat(5000) }), /at most 4096/],
  ])('refuses %s and says what it expected', async (_name, body, expected) => {
    const res = await order('/weather/a/control', body)
    expect(res.status).toBe(400)
    expect(((await res.json()) as { error: string }).error).toMatch(expected)
  })

  it('refuses what a form of another site could send, and other methods', async () => {
    expect((await order('/weather/a/control', '{"reset":true}', { 'Content-Type': 'text/plain' })).status).toBe(415)
    expect((await get('/weather/a/control', { method: 'DELETE' })).status).toBe(405)
  })

  it('has room for so many and no more', async () => {
    for (const id of ['a', 'b', 'c', 'd']) server.weather(id)
    expect(() => server.weather('e')).toThrow(RangeError)
    expect(() => server.weather('Not an id')).toThrow(RangeError)
    expect((await get('/weather/e/control')).status).toBe(503)
    expect((await get('/weather/e/realtime/health')).status).toBe(503)
    expect((await get('/weather/a/realtime/health')).status).toBe(200)
  })
})

describe('close', () => {
  it('leaves nothing behind, however often it is called', async () => {
    const other = await startDemoServer({ port: 0 })
    const held = fetch(`${other.url}/realtime/stream?channel=quotes:KELP`).then((res) => res.text())
    await fetch(`${other.url}/weather/x/realtime/health`)
    await Promise.all([other.close(), other.close()])
    await held.catch(() => undefined)
    await expect(fetch(`${other.url}/`)).rejects.toThrow()
    expect(process.getActiveResourcesInfo().filter((name) => name === 'TCPServerWrap').length).toBeLessThanOrEqual(2)
  })
})
