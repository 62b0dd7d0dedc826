import { afterEach, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import type { Client } from '../client/types.ts'
import { createClient } from '../core.ts'
import { startTestServer } from '../testing.ts'
import type { TestServer, TestServerOptions } from '../testing.ts'
import { longPoll, poll } from '../transports/poll.ts'
import { sse } from '../transports/sse.ts'
import type { Transport } from '../transports/transport.ts'
import { webSocket } from '../transports/websocket.ts'

const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

const start = async (options?: TestServerOptions): Promise<TestServer> => {
  const server = await startTestServer(options)
  undo.push(() => server.close())
  return server
}

const three: readonly Transport[] = [webSocket({ WebSocket }), sse(), longPoll()]

/** A client of Node, and what its subscription got. */
const follow = (
  url: string,
  transports = three,
): { readonly client: Client; readonly got: unknown[]; until(count: number): Promise<void> } => {
  const client = createClient({ url, transports, timing: { pollIntervalMs: 100 } })
  undo.push(() => client.close())
  const got: unknown[] = []
  let changed = (): void => {}
  client.subscribe(
    'a',
    ({ data }) => {
      got.push(data)
      changed()
    },
    { from: 'earliest' },
  )
  return {
    client,
    got,
    until: (count) =>
      new Promise((resolve) => {
        changed = () => {
          if (got.length >= count) resolve()
        }
        changed()
      }),
  }
}

it('without a rule a client gets its messages, and the log shows how', async () => {
  const { url, hub, faults } = await start()
  const { client, got, until } = follow(url)
  await hub.publish('a', 1)
  await client.publish('a', 2)
  await until(2)
  expect(got).toEqual([1, 2])
  await faults.waitFor((event) => event.frameType === 'ack')
  expect(faults.log.filter(({ kind }) => kind === 'fault')).toEqual([])
})

it('a refused WebSocket leaves the other transports, and what went by a cut link is not lost', async () => {
  const { url, hub, faults } = await start()
  faults.add({ match: { kind: 'ws' }, action: { type: 'refuse' } })
  const { client, got, until } = follow(url)
  await hub.publish('a', 1)
  await until(1)
  await faults.waitFor(({ kind, action }) => kind === 'fault' && action === 'refuse')
  expect(client.state.transport).not.toBe('websocket')
  faults.cut()
  await hub.publish('a', 2)
  await until(2)
  expect(got).toEqual([1, 2])
})

it.each([...three, poll()])(
  '$name: a frame that the client does not know is injected, a publish and a message are replaced',
  async (transport) => {
    const { url, hub, faults } = await start()
    faults.add({ match: { frame: 'run' }, action: { type: 'inject', frame: { type: 'news' }, where: 'before' } })
    faults.add({ match: { frame: 'publish' }, action: { type: 'replace', set: { data: 'other' } } })
    const { client, got, until } = follow(url, [transport])
    await client.publish('a', 'mine')
    await until(1)
    await hub.publish('a', 2)
    await until(2)
    expect(got).toEqual(['other', 2])
    for (const { fired } of faults.rules) expect(fired).toBeGreaterThan(0)
    await faults.waitFor(({ frameType }) => frameType === 'news')
  },
)

it('directUrl and hub go past the faults; app and path are what was asked for', async () => {
  const { url, origin, directUrl, hub, faults } = await start({
    path: '/live',
    app: (_request, response) => response.end('the app'),
    hub: { authorize: ({ channel }) => channel !== 'b' },
  })
  expect(url).toBe(`${origin}/live`)
  expect(await (await fetch(`${origin}/page`)).text()).toBe('the app')
  expect(await (await fetch(`${url}/poll?channel=b`)).text()).toContain('forbidden')
  faults.add({ match: {}, action: { type: 'refuse' } })
  await expect(fetch(`${url}/health`)).rejects.toThrow()
  expect((await fetch(`${directUrl}/health`)).status).toBe(200)
  expect((await hub.publish('b', 1)).id).toBeTruthy()
})

it('close ends all, with a link open, twice; a port that is taken and a bad path leave nothing behind', async () => {
  const server = await start()
  const { client, until } = follow(server.url)
  await server.hub.publish('a', 1)
  await until(1)
  const port = Number(new URL(server.url).port)
  await expect(startTestServer({ port })).rejects.toMatchObject({ code: 'EADDRINUSE' })
  await expect(startTestServer({ path: 'live' })).rejects.toThrow('must begin with /')
  await Promise.all([server.close(), server.close()])
  await expect(fetch(`${server.directUrl}/health`)).rejects.toThrow()
  expect(server.faults.openLinks).toBe(0)
  client.close()
})
