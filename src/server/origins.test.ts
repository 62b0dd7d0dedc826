import { describe, expect, it } from 'vitest'
import { containing, matching } from '../testing/matchers.ts'
import { hello, testHub } from '../testing/test-hub.ts'
import type { Asked } from '../testing/test-hub.ts'

const plain = { 'content-type': 'text/plain;charset=UTF-8' }

describe('origins', () => {
  const options = { origins: ['https://app.example'] }
  const with_ = (origin: string): Asked => ({ headers: { origin, ...plain }, body: [hello()] })

  it.each(['https://app.example', 'https://hub.example', 'http://hub.example'])('S1 §6.10 %s may', async (origin) => {
    const { status, headers } = await testHub(options).ask('/poll', with_(origin))
    expect(status).toBe(200)
    expect(headers).toMatchObject({
      'Access-Control-Allow-Origin': origin,
      'Timing-Allow-Origin': origin,
      Vary: 'Origin',
    })
  })

  it.each([
    'null',
    'https://app.example.evil.com',
    'https://app.example:8443',
    'HTTPS://APP.EXAMPLE',
    'https://app.example.',
    'https://hub.example:8443',
    'ftp://hub.example',
    '',
    'https://app.example\r\nX: y',
  ])('S1 §6.11 %j may not, and is told of the setting', async (origin) => {
    const hub = testHub(options)
    for (const target of ['/poll', '/stream', '/publish', '/health', '/nowhere']) {
      const { status, headers, frames } = await hub.ask(target, with_(origin))
      expect(status).toBe(403)
      expect(frames).toMatchObject([{ code: 'forbidden-origin', message: containing('`origins`') }])
      expect(headers).not.toHaveProperty('Access-Control-Allow-Origin')
      expect(headers).not.toHaveProperty('Timing-Allow-Origin')
    }
    expect(hub.gateway.refuseOrigin((name) => (name === 'origin' ? origin : undefined), true)?.code).toBe(
      'forbidden-origin',
    )
  })

  it('§6.11 without Origin a request passes, unless it is cross-site; an upgrade does not', async () => {
    const hub = testHub(options)
    expect((await hub.ask('/poll', { body: [hello()] })).status).toBe(200)
    expect((await hub.ask('/poll', { body: [hello()], headers: { 'sec-fetch-site': 'cross-site' } })).status).toBe(403)
    expect(hub.gateway.refuseOrigin(() => undefined, true)?.code).toBe('forbidden-origin')
    expect(testHub({ allowMissingOrigin: true }).gateway.refuseOrigin(() => undefined, true)).toBeNull()
  })

  it('§6.10 S2 a preflight is answered without authentication; errors carry the headers too', async () => {
    const hub = testHub({
      ...options,
      authenticate: () => {
        throw new Error('no')
      },
    })
    const headers = { origin: 'https://app.example' }
    const preflight = await hub.ask('/publish', { method: 'OPTIONS', headers })
    expect(preflight.status).toBe(204)
    expect(preflight.headers).toMatchObject({
      'Access-Control-Allow-Origin': 'https://app.example',
      'Access-Control-Max-Age': matching(/^\d+$/),
    })
    const refused = await hub.ask('/poll', { body: [hello()], headers })
    expect(refused.status).toBe(401)
    expect(refused.headers['Access-Control-Allow-Origin']).toBe('https://app.example')
  })

  it('a list entry that no browser sends is an error at the start', () => {
    expect(() => testHub({ origins: ['https://app.example/'] })).toThrow('did you mean https://app.example?')
    expect(() => testHub({ origins: ['*'] })).toThrow('not an origin')
    expect(() => testHub({ origins: ['capacitor://localhost'] })).not.toThrow()
  })
})
