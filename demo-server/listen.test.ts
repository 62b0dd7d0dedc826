import { createServer } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { ConfigError } from './config.ts'
import { listen } from './listen.ts'
import type { Listening } from './listen.ts'

const open: Listening[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map(({ close }) => close()))
})

async function start(options: Parameters<typeof listen>[1]): Promise<Listening> {
  const listening = await listen(
    createServer((_req, res) => res.end('here')),
    options,
  )
  open.push(listening)
  return listening
}

describe('listen', () => {
  it('answers on both loopback addresses with one port', async () => {
    const { port } = await start({ port: 0 })
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('here')
    expect(await (await fetch(`http://[::1]:${port}/`)).text()).toBe('here')
  })

  it('takes the next port when 8080 is taken on one of the addresses', async () => {
    const { port: taken } = await start({ host: '::1' }).catch(() => ({ port: 8080 }))
    const { port } = await start({})
    expect(taken).toBe(8080)
    expect(port).toBeGreaterThan(8080)
  })

  it('tells that a port that was asked for is taken, and leaves nothing behind', async () => {
    const { port } = await start({ port: 0, host: '::1' })
    const failure = await start({ port }).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(ConfigError)
    expect(String(failure)).toMatch(/another program has it. Set PORT/)
    // The other address was given back.
    expect((await start({ port, host: '127.0.0.1' })).port).toBe(port)
  })

  it('tells that an address is not one of this machine', async () => {
    const failure = await start({ port: 0, host: '192.0.2.1' }).catch((error: unknown) => error)
    expect(String(failure)).toMatch(/no such address. Set HOST/)
  })

  it('is gone after close', async () => {
    const { port, close } = await start({ port: 0 })
    await close()
    await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow()
    await expect(fetch(`http://[::1]:${port}/`)).rejects.toThrow()
  })
})
