import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { SignJWT } from 'jose'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { createHub } from '../server/hub.ts'
import type { HubFailure } from '../server/hub-core.ts'
import { jwtAuthenticate } from './jwt.ts'

const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const SET = { keys: [{ ...pair.publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'ES256', use: 'sig' }] }
const sign = (kid: string, key = pair.privateKey) =>
  new SignJWT({ sub: 'ann' }).setProtectedHeader({ alg: 'ES256', kid }).setExpirationTime('1h').sign(key)

let fetched = 0
let answer: (response: ServerResponse) => void
const server = createServer((_, response) => {
  fetched++
  answer(response)
})
let jwksUrl = ''
beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  jwksUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})
beforeEach(() => {
  fetched = 0
  answer = (response) => response.end(JSON.stringify(SET))
})

const hubOf = () => {
  const failures: HubFailure[] = []
  const onError = (failure: HubFailure): void => void failures.push(failure)
  const hub = createHub({ authenticate: jwtAuthenticate({ jwksUrl }), authorize: () => true, onError })
  const ask = async (token: string) => {
    const headers = { authorization: `Bearer ${token}` }
    const response = await hub.fetch(new Request('http://hub.test/realtime/poll?channel=a', { headers }))
    const [first] = (await response.json()) as { code?: string; message?: string }[]
    return { status: response.status, code: first?.code, message: first?.message }
  }
  return { ask, failures }
}

it('the keys are fetched once, when they are needed', async () => {
  const { ask, failures } = hubOf()
  expect(fetched).toBe(0)
  const token = await sign('k1')
  for (const { status } of await Promise.all([ask(token), ask(token), ask(token)])) expect(status).toBe(200)
  expect((await ask(token)).status).toBe(200)
  expect(fetched).toBe(1)
  expect(failures).toEqual([])
})

it('§10 an unknown key, and a key of somebody else under a known name, are 401', async () => {
  const { ask, failures } = hubOf()
  expect(await ask(await sign('k2'))).toMatchObject({ status: 401, message: /key that is not known/ })
  expect(await ask(await sign('k1', stranger.privateKey))).toMatchObject({ status: 401, message: /signature/ })
  // The cooldown: tokens that are made up do not make the hub fetch for each of them.
  for (let n = 0; n < 5; n++) await ask(await sign(`k${n + 2}`))
  expect(fetched).toBe(1)
  expect(failures).toEqual([])
})

it.each([
  ['answers 500', (response: ServerResponse) => response.writeHead(500).end()],
  ['answers no JSON', (response: ServerResponse) => response.end('<html>')],
  ['answers something else', (response: ServerResponse) => response.end('{"keys":7}')],
  ['hangs up', (response: ServerResponse) => response.destroy()],
] as const)(
  '§10 an endpoint that %s makes it unavailable, not 401; it is reported without the token, and tried again',
  async (_, broken) => {
    const { ask, failures } = hubOf()
    answer = broken
    const token = await sign('k1')
    expect(await ask(token)).toMatchObject({ status: 503, code: 'unavailable', message: /keys cannot be fetched/ })
    expect(failures).toMatchObject([{ context: 'authenticate', error: { code: 'unavailable' } }])
    expect(String(failures[0]?.error) + JSON.stringify(failures)).not.toContain(token.slice(0, 40))
    answer = (response) => response.end(JSON.stringify(SET))
    expect((await ask(token)).status).toBe(200)
  },
)
