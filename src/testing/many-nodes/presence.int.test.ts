import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import type { PresenceOf } from '../../client/presence-types.ts'
import { createPresence } from '../../core.ts'
import { describeWith } from '../describe-with.ts'
import { openClient } from '../fault-matrix/clients.ts'
import { COLUMNS, TRANSPORTS_OF } from '../fault-matrix/columns.ts'
import type { TransportName } from '../../transports/transport.ts'
import { buildHubProgram } from './build-hub-program.ts'
import type { HubProgram } from './build-hub-program.ts'
import { startRedisFleet } from './redis-fleet.ts'
import { CLIENT_TIMING, HUB_LIMITS } from './scale.ts'

const HUBS = 3
const LEASE_MS = 6_000
/** Longer than anything takes on a slow machine: it bounds a failure, it measures nothing. */
const BOUND = { timeout: 60_000, interval: 20 }

const come = (url: string, names: readonly TransportName[]) => {
  const client = openClient(url, names, { timing: { ...CLIENT_TIMING, presenceMs: LEASE_MS / 3 } })
  const presenceOf: PresenceOf = createPresence(client)
  const presence = presenceOf<string>(client.subscribe('room', () => undefined))
  return { client, presence }
}

/** Says that somebody is there, once and never again, as a program that dies at once. */
const appear = async (url: string, name: string): Promise<void> => {
  const client = 'x'.repeat(22)
  const batch = [
    { type: 'hello', protocol: 1, nonce: 'nonce-0', client },
    { type: 'publish', channel: '$presence:room', sequence: 1, data: { data: name } },
  ]
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(`${url}/publish`, { method: 'POST', headers, body: JSON.stringify(batch) })
  expect(await answer.text()).toContain('"ack"')
}

describeWith(['redis-server', 'nginx'], '§8.14 R25 presence at three hubs as processes behind nginx', () => {
  let program: HubProgram

  beforeAll(async () => {
    program = await buildHubProgram()
  })
  afterAll(() => program.remove())

  it('who is there stays while hubs are killed, and who dies with its hub has left', { timeout: 240_000 }, async () => {
    const limits = { ...HUB_LIMITS, presenceMs: LEASE_MS, presenceSweepMs: 500 }
    const { fleet, close } = await startRedisFleet(HUBS, { program, limits })
    const [first] = fleet.hubs
    const watcher = come(fleet.url('other'), TRANSPORTS_OF.A)
    const guests = COLUMNS.map((column) => ({ column, ...come(fleet.url(column), TRANSPORTS_OF[column]) }))
    try {
      const seen: string[] = []
      for (const event of ['join', 'update', 'leave'] as const) {
        watcher.presence.on(event, ({ data }) => seen.push(`${event} ${data}`))
      }
      await Promise.all(guests.map(({ column, presence }) => presence.enter(column)))
      const joined = guests.map(({ column }) => `join ${column}`).sort()
      await vi.waitFor(() => expect([...seen].sort()).toEqual(joined), BOUND)

      let links = 0
      for (const hub of fleet.hubs) {
        links += await hub.streams()
        await hub.end('SIGKILL')
        await hub.start()
      }
      // The fault was felt, and all are back somewhere.
      expect(links).toBeGreaterThan(0)
      await appear(first?.url ?? '', 'ghost')
      await vi.waitFor(() => expect(seen).toContain('join ghost'), BOUND)
      await first?.end('SIGKILL')
      // By then whoever had not been heard of since the first of them was killed would have left too.
      await vi.waitFor(() => expect(seen).toContain('leave ghost'), BOUND)
      await first?.start()
      expect([...seen].sort()).toEqual([...joined, 'join ghost', 'leave ghost'].sort())
      expect(watcher.presence.members.map(({ data }) => data).sort()).toEqual([...COLUMNS].sort())

      // Who closes says so, over whatever it has.
      for (const { client } of guests) client.close()
      await vi.waitFor(() => expect(watcher.presence.members).toEqual([]), BOUND)
    } finally {
      for (const { client } of [watcher, ...guests]) client.close()
      await close()
    }
  })
})
