import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { CODES } from '../protocol/codes.ts'
import { CONTENT_TYPE } from '../protocol/frames.ts'
import type { ErrorFrame } from '../protocol/frames.ts'
import { PATIENCE_MS, besiegedHub } from '../testing/besieged-hub.ts'
import { FUZZ_TIMEOUT_MS, fuzzing } from '../testing/fuzz.ts'
import { exchangeBytes } from '../testing/raw-http.ts'
import { anyRequest, brokenRequest, requestBytes } from '../testing/request-arbitraries.ts'
import type { Asked } from '../testing/request-arbitraries.ts'

vi.setConfig({ testTimeout: FUZZ_TIMEOUT_MS })

const hub = besiegedHub()

const typeOf = (status: number, at: string): string => {
  if (at === '/health' && (status === 200 || status === 503)) return 'application/json'
  return at === '/stream' && status === 200 ? 'text/event-stream' : CONTENT_TYPE
}

/** Asks, and judges the answer; returns its status. */
const ask = async (asked: Asked): Promise<number> => {
  const answer = await exchangeBytes(hub.port, requestBytes(asked, hub.path, 'close'), {
    timeoutMs: PATIENCE_MS,
    halfClose: false,
  })
  const { status, headers } = answer
  expect([answer.error, status > 0 && status < 500]).toEqual([undefined, true])
  expect(answer.text).not.toMatch(/node_modules|\.[tj]s:\d|\bat \/|\bv\d+\.\d+/)
  expect(headers).toMatchObject({ 'cache-control': 'no-store, no-transform', 'x-content-type-options': 'nosniff' })
  if (status === 204) return status
  expect(headers['content-type']).toBe(typeOf(status, asked.path))
  if (status === 200 || asked.method === 'HEAD') return status
  const [frame, ...more] = JSON.parse(answer.body) as ErrorFrame[]
  const { status: said } = CODES[frame?.code as 'internal']
  // What has no status of its own is a conflict when it is the whole answer.
  expect([frame?.type, more.length, status]).toEqual(['error', 0, said || 409])
  return status
}

describe('S14 S16 S17 requests of any kind, and nobody else notices', () => {
  it('each is answered by the hub, in its own words and with the status of its code', async () => {
    const seen = new Set<string>()
    const property = fc.asyncProperty(fc.array(anyRequest, { minLength: 8, maxLength: 24 }), async (all) => {
      const statuses = await Promise.all(all.map(ask))
      for (const [index, { method, path: at }] of all.entries()) seen.add(`${method} ${at} ${statuses[index]}`)
      await hub.harmless()
    })
    await fc.assert(property, fuzzing(10))
    // What is never taken has never been tried.
    for (const at of ['/poll', '/stream', '/publish']) expect(seen).toContain(`POST ${at} 200`)
    const statuses = [...seen].map((each) => Number(each.slice(-3)))
    for (const status of [200, 204, 400, 401, 403, 404, 405, 415]) expect(statuses).toContain(status)
  })

  it('what is hardly HTTP is answered or cut off', async () => {
    const property = fc.asyncProperty(
      fc.array(brokenRequest(hub.path), { minLength: 8, maxLength: 24 }),
      async (all) => {
        const way = { timeoutMs: PATIENCE_MS, halfClose: true }
        await Promise.all(all.map((bytes) => exchangeBytes(hub.port, bytes, way)))
        await hub.harmless()
      },
    )
    await fc.assert(property, fuzzing(10))
  })
})
