import { memoryStore } from 'holdfast/server'
import { startDemoServer } from '../demo-server/server.ts'
import type { DemoServer } from '../demo-server/server.ts'
import { SCALE } from './timing.ts'

/** The demo server on a free port without feeds, with a store of so many messages a channel and durations that fit those of the pages. */
export const startHubServer = ({ sweepMs = 500 / SCALE, messages = 20_000 } = {}): Promise<DemoServer> => {
  const store = memoryStore({ messages, ageMs: 3_600_000 })
  const limits = { heartbeatMinMs: 300, sweepMs, tailMessages: Math.min(messages, 1_000) }
  return startDemoServer({ port: 0, feeds: false, hub: { store, limits, presence: ['lab:*'] }, maxWeathers: 1_000 })
}
