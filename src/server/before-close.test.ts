import { describe, expect, it } from 'vitest'
import { testHub } from '../testing/test-hub.ts'

const latch = () => {
  let open = (): void => undefined
  const opened = new Promise<void>((resolve) => (open = resolve))
  return { opened, open }
}

describe('hub.beforeClose', () => {
  it('S18 runs when the hub begins to close, once, and is waited for', async () => {
    const hub = testHub()
    const { opened, open } = latch()
    const seen: string[] = []
    hub.beforeClose(async () => {
      seen.push(hub.health.status)
      await opened
      await hub.publish('a', 'last words')
      seen.push('done')
    })
    const undone = hub.beforeClose(async () => void seen.push('undone'))
    undone()
    const closed = hub.close().then(() => seen.push('closed'))
    await hub.clock.settle()
    expect(seen).toEqual(['draining'])
    open()
    await Promise.all([closed, hub.close()])
    expect(seen).toEqual(['draining', 'done', 'closed'])
    expect(hub.metrics.publishes.appended).toBe(1)
  })

  it('is not waited for beyond the drain, and what it throws is reported and stops nothing', async () => {
    const hub = testHub({ limits: { drainMs: 900 } })
    hub.beforeClose(() => new Promise(() => undefined))
    hub.beforeClose(() => {
      throw new Error('thrown')
    })
    hub.beforeClose(() => Promise.reject(new Error('rejected')))
    let isClosed = false
    void hub.close().then(() => (isClosed = true))
    await hub.clock.advance(899)
    expect(isClosed).toBe(false)
    await hub.clock.advance(1)
    expect(isClosed).toBe(true)
    expect(hub.failures.map(({ context, error }) => `${context}: ${String(error)}`)).toEqual([
      'beforeClose: Error: thrown',
      'beforeClose: Error: rejected',
    ])
  })
})
