import { expect, it } from 'vitest'
import type { FaultEvent } from './event-log.ts'
import { openSocket, send } from './test-rig.ts'
import { faults, port, rigForEach } from './test-set-up.ts'

rigForEach()

const ofPath = (path: string): Partial<FaultEvent>[] =>
  faults.log.filter((event) => event.path === path).map(({ timeMs: _, ...event }) => event)

const ended = (path: string): Promise<FaultEvent> =>
  faults.waitFor((event) => event.kind === 'end' && event.path === path)

it('a request: its frames, its status, its end; under one number, in the order of time', async () => {
  const body = '[{"type":"hello"},{"type":"publish"}]'
  await send(port, '/poll/echo', body, { headers: { 'Content-Type': 'application/json' } })
  await ended('/poll/echo')
  const [link, path] = [2, '/poll/echo']
  expect(ofPath('/poll/echo')).toEqual([
    { link, path, kind: 'request' },
    { link, path, kind: 'frame', direction: 'up', frameType: 'hello' },
    { link, path, kind: 'frame', direction: 'up', frameType: 'publish' },
    { link, path, kind: 'status', status: 200 },
    { link, path, kind: 'frame', direction: 'down', frameType: 'hello' },
    { link, path, kind: 'frame', direction: 'down', frameType: 'publish' },
    { link, path, kind: 'end', bytes: body.length },
  ])
  expect(faults.log[0]).toMatchObject({ link: 1, kind: 'connect' })
  const times = faults.log.map(({ timeMs }) => timeMs)
  expect(times).toEqual([...times].sort((one, other) => one - other))
})

it('a WebSocket: its start, the 101, its frames, a fault with rule, action, direction and bytes, its end', async () => {
  const rule = faults.add({ match: { frame: 'b', direction: 'down' }, action: { type: 'reset' } })
  const client = openSocket(port)
  await client.sees('open')
  client.ws.send('[{"type":"a"}]')
  client.ws.send('[{"type":"b"}]')
  await client.sees('close 1006')
  await ended('/')
  const [link, path, bytes] = [2, '/', 16]
  expect(ofPath('/').filter(({ direction }) => direction !== 'up')).toEqual([
    { link, path, kind: 'connect' },
    { link, path, kind: 'status', status: 101 },
    { link, path, kind: 'frame', direction: 'down', frameType: 'a' },
    { link, path, kind: 'frame', direction: 'down', frameType: 'b' },
    { link, path, kind: 'fault', rule, action: 'reset', direction: 'down', bytes },
    { link, path, kind: 'end', bytes },
  ])
})
