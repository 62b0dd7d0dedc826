import { describe, expect, it } from 'vitest'
import { at } from '../testing/connection-machine.ts'
import type { ConnectionNews } from './connection-state.ts'
import type { ClientState } from './types.ts'

/** What each event does in each state: a missing cell does not compile. */
const TABLE: Record<ClientState['name'], Record<ConnectionNews['type'], string>> = {
  idle: {
    connect: 'connecting, read, carry ws',
    disconnect: 'idle',
    close: 'closed',
    tick: 'idle',
    refresh: 'idle',
    signal: 'idle',
    welcome: 'nothing',
    proven: 'nothing',
    alive: 'nothing',
    silent: 'nothing',
    end: 'nothing',
    goodbye: 'nothing',
  },
  connecting: {
    connect: 'connecting',
    disconnect: 'idle, drop, drop',
    close: 'closed, drop, drop',
    tick: 'connecting',
    refresh: 'connecting',
    signal: 'connecting, drop, drop, read, carry ws',
    welcome: 'connecting',
    proven: 'online',
    alive: 'connecting',
    silent: 'connecting, drop, give up ws, carry sse',
    end: 'connecting',
    goodbye: 'connecting',
  },
  online: {
    connect: 'online',
    disconnect: 'idle, drop',
    close: 'closed, drop',
    tick: 'online',
    refresh: 'online, replace ws',
    signal: 'online, ping',
    welcome: 'online',
    proven: 'online',
    alive: 'online',
    silent: 'connecting, drop, give up ws, carry sse',
    end: 'connecting, carry sse',
    goodbye: 'online, replace ws',
  },
  waiting: {
    connect: 'connecting, read, carry ws',
    disconnect: 'idle',
    close: 'closed',
    tick: 'waiting',
    refresh: 'waiting',
    signal: 'connecting, read, carry ws',
    welcome: 'nothing',
    proven: 'nothing',
    alive: 'nothing',
    silent: 'nothing',
    end: 'nothing',
    goodbye: 'nothing',
  },
  closed: {
    connect: 'nothing',
    disconnect: 'nothing',
    close: 'nothing',
    tick: 'nothing',
    refresh: 'nothing',
    signal: 'nothing',
    welcome: 'nothing',
    proven: 'nothing',
    alive: 'nothing',
    silent: 'nothing',
    end: 'nothing',
    goodbye: 'nothing',
  },
}

const OF_LINKS = new Set(['welcome', 'proven', 'alive', 'silent', 'end', 'goodbye'])

describe('the truth table of the connection', () => {
  for (const [name, row] of Object.entries(TABLE)) {
    for (const [type, expected] of Object.entries(row)) {
      it(`${name} on ${type}: ${expected}`, () => {
        const m = at[name as ClientState['name']]()
        expect(m.state.name).toBe(name)
        const link = m.carrier() === 99 ? (m.state.links.at(-1)?.id ?? 1) : m.carrier()
        const facts = { end: { code: 'failed' }, network: true, retryAfterMs: 0 }
        expect(m.send({ type, ...(OF_LINKS.has(type) && { link }), ...facts } as unknown as ConnectionNews)).toBe(
          expected,
        )
      })
    }
  }
})
