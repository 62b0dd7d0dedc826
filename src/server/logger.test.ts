import { describe, expect, it } from 'vitest'
import { TestSocket, hello, testHub } from '../testing/test-hub.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { fakeEnvironment } from '../testing/test-hub.ts'
import { plainText } from './logger.ts'
import type { HubLogger, LogLevel } from './logger.ts'
import { MemoryStore } from './memory-store.ts'
import type { Appended, Page } from './store.ts'

interface Line {
  readonly level: LogLevel
  readonly event: string
  readonly [fact: string]: unknown
}

const recorder = () => {
  const lines: Line[] = []
  const at = (level: LogLevel) => (facts: object) => {
    lines.push({ level, ...facts } as Line)
  }
  const logger: HubLogger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
  return { lines, logger, of: (event: string) => lines.filter((line) => line.event === event) }
}

const HOSTILE = '\r\n\0\u001b[31m\u2028\u2029\u202e\ud800'
// oxlint-disable-next-line no-control-regex -- controls are what must not be there
const RAW = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202e]/

describe('the logger of a hub', () => {
  it('hears of links, with the transport and the reason of their end', async () => {
    const { logger, of } = recorder()
    const hub = testHub({ logger, authenticate: () => ({ userId: 'ann' }) })
    const socket = new TestSocket().open(hub, hello())
    await hub.clock.advance(1500)
    socket.session.gone()
    expect(of('link.open')).toEqual([{ level: 'debug', event: 'link.open', link: 1, transport: 'websocket' }])
    expect(of('link.end')).toEqual([
      { level: 'debug', event: 'link.end', link: 1, transport: 'websocket', reason: 'client', user: 'ann', ms: 1500 },
    ])
  })

  it('hears of refusals of requests, channels, frames and publishes', async () => {
    const { logger, of } = recorder()
    const hub = testHub({ logger, authorize: () => false, authenticate: () => ({ userId: 'ann' }) })
    const socket = new TestSocket().open(hub, hello({ channels: [{ channel: 'c', from: 'latest' }] }))
    await hub.clock.settle()
    socket.send({ type: 'publish', channel: 'c', sequence: 1, data: 1 }, { type: 'subscribe' })
    await hub.ask('/nowhere')
    await hub.clock.settle()
    const user = { level: 'info', channel: 'c', user: 'ann', code: 'forbidden' }
    expect(of('channel.refused')).toMatchObject([user])
    expect(of('publish.refused')).toMatchObject([user])
    expect(of('frame.refused')).toMatchObject([{ code: 'bad-request', user: 'ann' }])
    expect(of('request.refused')).toMatchObject([{ code: 'not-found' }])
  })

  it('hears once of a failure of the store, and of hooks that fail', async () => {
    const clock = new FakeClock()
    class Down extends MemoryStore {
      override async append(): Promise<Appended> {
        throw new Error('down')
      }
      override async read(): Promise<Page> {
        throw new Error('down too')
      }
    }
    const { logger, lines, of } = recorder()
    const authorize = ({ channel }: { readonly channel: string }) => {
      if (channel === 'hook') throw new Error('no database')
      return true
    }
    const hub = testHub({ logger, authorize, store: new Down({}, fakeEnvironment(clock)) }, clock)
    await hub.ask('/publish?channel=a', { body: {} })
    expect(lines.filter(({ level }) => level === 'error')).toEqual([
      { level: 'error', event: 'store.failed', operation: 'append', ms: 0, error: { name: 'Error', message: 'down' } },
    ])
    await hub.ask('/publish?channel=hook', { body: {} })
    expect(of('hook.failed')).toMatchObject([{ hook: 'authorize', error: { message: 'no database' } }])
    expect(hub.failures).toHaveLength(2)
  })

  it('S18 hears of the drain and of its end', async () => {
    const { logger, lines } = recorder()
    const hub = testHub({ logger })
    new TestSocket().open(hub)
    await hub.close()
    expect(lines.map(({ event }) => event)).toEqual(['link.open', 'hub.draining', 'link.end', 'hub.closed'])
  })

  it('S12 controls, separators and marks of direction of peers never reach it raw, and texts are short', async () => {
    expect(plainText(HOSTILE)).toBe('\\u000d\\u000a\\u0000\\u001b[31m\\u2028\\u2029\\u202e\\ud800')
    expect(plainText('a😀b')).toBe('a😀b')
    expect(plainText('x'.repeat(5000)).length).toBeLessThan(310)
    const { logger, lines } = recorder()
    const hub = testHub({
      logger,
      authenticate: () => ({ userId: `ann${HOSTILE}` }),
      authorize: () => {
        throw new Error(`oh${HOSTILE}`)
      },
    })
    const socket = new TestSocket().open(hub, hello({ channels: [{ channel: 'c\u202ex', from: 'latest' }] }))
    await hub.clock.settle()
    socket.send({ type: `x${HOSTILE}` }, { type: 'subscribe', channel: HOSTILE, from: HOSTILE })
    await hub.ask(`/${HOSTILE}`)
    await hub.ask('/poll?channel=a', { headers: { origin: `https://${HOSTILE}` } })
    socket.session.gone()
    expect(lines.length).toBeGreaterThan(5)
    for (const value of lines.flatMap((line) => [
      ...Object.values(line),
      (line['error'] as Error | undefined)?.message,
    ])) {
      if (typeof value === 'string') expect(value).not.toMatch(RAW)
    }
  })

  it('never gets a token or the data of a message', async () => {
    const { logger, lines } = recorder()
    const hub = testHub({
      logger,
      authorize: () => false,
      authenticate: ({ token }) => {
        if (token === 'secret-1') return { userId: 'ann' }
        throw new Error('no')
      },
    })
    const socket = new TestSocket().open(hub, hello({ token: 'secret-1' }))
    await hub.clock.settle()
    socket.send({ type: 'publish', channel: 'a', sequence: 1, data: 'secret-2' })
    new TestSocket().open(hub, hello({ token: 'secret-3' }))
    await hub.ask('/poll?channel=a', { headers: { authorization: 'Bearer secret-4' } })
    await hub.ask('/publish?channel=a', { headers: { authorization: 'Bearer secret-1' }, body: 'secret-5' })
    await hub.close()
    expect(lines.length).toBeGreaterThan(4)
    expect(JSON.stringify(lines)).not.toContain('secret')
  })

  it('writes at most 50 lines of one event in a second, and says how many it left out', async () => {
    const { logger, of } = recorder()
    const hub = testHub({ logger })
    for (let n = 0; n < 80; n++) await hub.gateway.handle(nowhere)
    expect(of('request.refused')).toHaveLength(50)
    await hub.clock.advance(1000)
    await hub.gateway.handle(nowhere)
    expect(of('log.skipped')).toEqual([{ level: 'warn', event: 'log.skipped', of: 'request.refused', lines: 30 }])
    expect(of('request.refused')).toHaveLength(51)
    expect(hub.metrics.refusals['not-found']).toBe(81)
  })

  it('may throw without harm, and must have its four methods', async () => {
    const fail = (): never => {
      throw new Error('disk full')
    }
    const hub = testHub({ logger: { debug: fail, info: fail, warn: fail, error: fail } })
    const answer = await hub.ask('/nowhere')
    expect(answer.status).toBe(404)
    expect(() => testHub({ logger: {} as HubLogger })).toThrow('the logger has no method debug')
  })
})

const nowhere = {
  method: 'GET',
  target: '/nowhere',
  header: () => undefined,
  body: async () => ({ kind: 'text', text: '' }) as const,
  signal: new AbortController().signal,
  remoteAddress: undefined,
}
