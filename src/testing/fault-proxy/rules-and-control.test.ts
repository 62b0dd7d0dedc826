import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { controlHandler } from './control.ts'
import { createFaults } from './faults.ts'
import type { Faults } from './faults.ts'
import { proxyRequest } from './http-proxy.ts'
import { openSocket, send, startRig } from './test-rig.ts'
import type { Rig } from './test-rig.ts'
import { parseCut, parseRule } from './validate-rule.ts'
import { proxyUpgrade } from './websocket-proxy.ts'

const undo: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const run of undo.splice(0).reverse()) await run()
})

/** As a demo server mounts it: control beside the proxied prefix, on one port. */
async function mount(): Promise<{ rig: Rig; faults: Faults; port: number }> {
  const rig = await startRig()
  const faults = createFaults()
  const options = { faults, upstream: rig.upstream, stripPrefix: '/weather/a' }
  const control = controlHandler(faults)
  const server = http.createServer((req, res) => {
    if (req.url?.startsWith('/control')) control(req, res)
    else proxyRequest(req, res, options)
  })
  server.on('upgrade', (req, socket, head) => proxyUpgrade(req, socket, head, options))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  undo.push(async () => {
    faults.close()
    await rig.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return { rig, faults, port: (server.address() as AddressInfo).port }
}

describe('validation names the bad field', () => {
  const action = { type: 'refuse' }
  it.each([
    [null, 'rule'],
    [{ action, extra: 1 }, 'rule.extra'],
    [{ action, times: 0 }, 'rule.times'],
    [{ match: { kind: 'udp' }, action }, 'match.kind'],
    [{ match: { nth: 1.5 }, action }, 'match.nth'],
    [{ match: { held: 'yes' }, action }, 'match.held'],
    [{ match: { kind: 'tcp', path: '/x' }, action }, 'match.path'],
    [{ match: { afterMs: 5 }, action }, 'match.afterMs'],
    [{ match: { kind: 'ws' }, action: { type: 'dropAnswer' } }, 'match.kind'],
    [{}, 'action'],
    [{ action: { type: 'constructor' } }, 'action.type'],
    [{ action: { type: 'delay' } }, 'action.ms'],
    [{ action: { type: 'delay', ms: -1 } }, 'action.ms'],
    [{ action: { type: 'limit' } }, 'action.bytes'],
    [{ action: { type: 'slice', bytes: 0 } }, 'action.bytes'],
    [{ action: { type: 'respond', status: 99 } }, 'action.status'],
    [{ action: { type: 'inject', frame: {} } }, 'match.frame'],
    [{ match: { kind: 'tcp' }, action: { type: 'inject', frame: {} } }, 'match.kind'],
    [{ match: { frame: 'run' }, action: { type: 'inject' } }, 'action.frame'],
    [{ match: { frame: 'run' }, action: { type: 'inject', frame: [1] } }, 'action.frame'],
    [{ match: { frame: 'run' }, action: { type: 'inject', frame: {}, where: 'beside' } }, 'action.where'],
    [{ match: { frame: 'run' }, action: { type: 'inject', frame: { data: 'x'.repeat(1_048_576) } } }, 'action.frame'],
    [{ match: { frame: 'run' }, action: { type: 'replace' } }, 'action.frame'],
    [{ match: { frame: 'run' }, action: { type: 'replace', frame: {}, set: {} } }, 'action.frame'],
    [{ match: { frame: 'run' }, action: { type: 'replace', set: 'x' } }, 'action.set'],
    [{ match: { frame: 'run' }, action: { type: 'replace', set: { n: 1n } } }, 'action.set'],
    [{ action: { type: 'respond', status: 200, headers: { a: 'b\r\nc: d' } } }, 'action.headers.a'],
  ])('%o: %s', (rule, field) => {
    expect(() => parseRule(rule)).toThrow(expect.objectContaining({ code: 'invalid-rule', field }))
  })

  it('cut', () => {
    expect(() => parseCut({ how: 'softly' })).toThrow(expect.objectContaining({ field: 'cut.how' }))
    expect(() => parseCut({ code: 5_000 })).toThrow(expect.objectContaining({ field: 'cut.code' }))
  })
})

it('the log keeps the newest events and counts the rest', async () => {
  const rig = await startRig({ maxEvents: 3 })
  undo.push(() => rig.close())
  const seen: string[] = []
  const stop = rig.proxy.faults.on('event', (event) => seen.push(event.kind))
  await send(rig.proxy.port, '/poll')
  await rig.proxy.faults.waitFor((event) => event.kind === 'end' && event.path === undefined)
  stop()
  expect(rig.proxy.faults.log).toHaveLength(3)
  expect(rig.proxy.faults.dropped).toBe(seen.length - 3)
  await expect(rig.proxy.faults.waitFor(() => false, 1)).rejects.toThrow('within 1 ms')
})

describe('mounted', () => {
  it('strips the prefix for requests and upgrades, and rules without kind act on both', async () => {
    const { rig, faults, port } = await mount()
    expect((await send(port, '/weather/a/poll?x=1')).status).toBe(200)
    expect(rig.requests).toEqual(['GET /poll?x=1 '])
    const socket = openSocket(port, '/weather/a')
    await socket.sees('open')
    faults.cut()
    await socket.sees('close 1006')
    faults.add({ match: {}, action: { type: 'refuse' } })
    expect((await send(port, '/weather/a/poll')).end).toBe('ECONNRESET')
    await openSocket(port, '/weather/a').sees('error ECONNRESET')
  })

  it('control over HTTP: add, list, cut, remove, clear, and errors that name the field', async () => {
    const { port, faults } = await mount()
    const json = { headers: { 'Content-Type': 'application/json' } }
    const rule = JSON.stringify({ match: { path: '/poll' }, action: { type: 'refuse' } })
    expect(await send(port, '/control', rule, json)).toMatchObject({ status: 201, body: '{"id":1}' })
    expect((await send(port, '/weather/a/poll')).end).toBe('ECONNRESET')
    const state = JSON.parse((await send(port, '/control')).body) as Record<string, unknown>
    expect(state['rules']).toMatchObject([{ id: 1, fired: 1 }])
    expect(state['events']).toContainEqual(expect.objectContaining({ kind: 'fault', action: 'refuse' }))
    expect((await send(port, '/control/cut', '{}', json)).body).toBe('{"cut":0}')
    const bad = await send(port, '/control', '{"action":{"type":"x"}}', json)
    expect(bad.status).toBe(400)
    expect(JSON.parse(bad.body)).toMatchObject({ code: 'invalid-rule', field: 'action.type' })
    expect((await send(port, '/control', '{', json)).status).toBe(400)
    expect((await send(port, '/control', rule)).status).toBe(415)
    expect((await send(port, '/control', 'x'.repeat(70_000), json)).status).toBe(413)
    expect((await send(port, '/control?id=7', undefined, { method: 'DELETE' })).status).toBe(404)
    expect((await send(port, '/control?id=1', undefined, { method: 'DELETE' })).status).toBe(200)
    expect((await send(port, '/control', undefined, { method: 'DELETE' })).status).toBe(200)
    expect((await send(port, '/control', undefined, { method: 'PUT' })).status).toBe(405)
    expect(faults.rules).toEqual([])
  })
})
