import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { DEFAULT_LIMITS, limitsOf } from './limits.ts'
import type { HubLimits } from './limits.ts'

/** The file whose tests stand at the limit and one past it. A new limit does not compile without one. */
const PROVEN: Readonly<Record<keyof HubLimits, string>> = {
  requestMs: 'handlers.test.ts',
  requests: 'handlers.test.ts',
  presenceBytes: 'presence.test.ts',
  presenceMs: 'presence.test.ts',
  presenceSweepMs: 'presence.test.ts',
  presentPerChannel: 'presence.test.ts',
  batchBytes: 'limits.int.test.ts',
  dataBytes: 'limits.int.test.ts',
  publishesPerBatch: 'limits.int.test.ts',
  framesPerBatch: 'limits.int.test.ts',
  channelsPerReader: 'limits.int.test.ts',
  channelsPerUrl: 'limits.int.test.ts',
  tokenBytes: 'limits.int.test.ts',
  jsonDepth: 'limits.int.test.ts',
  answerBytes: 'hub-limits.test.ts',
  messagesPerPage: 'hub-limits.test.ts',
  highWaterBytes: 'hub-limits.test.ts',
  links: 'hub-limits.test.ts',
  linksPerUser: 'rates.test.ts',
  linksPerAddress: 'rates.int.test.ts',
  connectsPerMinute: 'herd.test.ts',
  connectsPerMinutePerUser: 'rates.test.ts',
  connectsPerMinutePerAddress: 'rates.int.test.ts',
  subscribesPerMinutePerLink: 'rates.test.ts',
  subscribesPerMinutePerUser: 'rates.test.ts',
  subscribesPerMinutePerAddress: 'rates.test.ts',
  publishesPerMinutePerLink: 'rates.test.ts',
  publishesPerMinutePerUser: 'rates.test.ts',
  publishesPerMinutePerAddress: 'rates.test.ts',
  pollsPerMinutePerUser: 'rates.test.ts',
  pollsPerMinutePerAddress: 'rates.int.test.ts',
  rateBurstMs: 'rates.test.ts',
  rateKeys: 'rates.test.ts',
  refusalsPerMinutePerLink: 'rates.test.ts',
  publishesInFlight: 'hub-limits.test.ts',
  publishMs: 'publish-endpoint.test.ts',
  renewMs: 'expiry.int.test.ts',
  healthMs: 'readiness.test.ts',
  helloMs: 'hub-limits.test.ts',
  stallMs: 'hub-limits.test.ts',
  holdMs: 'hub-limits.test.ts',
  heartbeatMs: 'hub-limits.test.ts',
  heartbeatMinMs: 'hub-limits.test.ts',
  heartbeatMaxMs: 'hub-limits.test.ts',
  secondFrameMs: 'hub-limits.test.ts',
  sweepMs: 'hub-limits.test.ts',
  authorizeMs: 'hub-limits.test.ts',
  permissionMs: 'hub-limits.test.ts',
  permissions: 'hub-limits.test.ts',
  permissionWaitMs: 'hub-limits.test.ts',
  positionCheckMs: 'channel-tail.test.ts',
  tailLingerMs: 'channel-tail.test.ts',
  tailMessages: 'channel-tail.test.ts',
  tailBytes: 'channel-tail.test.ts',
  idleTails: 'channel-tail.test.ts',
  closeMs: 'hub-limits.test.ts',
  drainMs: 'hub-limits.test.ts',
  goodbyeSpreadMs: 'hub-limits.test.ts',
}

describe('S4 §9 limits', () => {
  it.each(Object.entries(PROVEN))('%s is proven in %s', (limit, file) => {
    const source = readFileSync(new URL(file, import.meta.url), 'utf8')
    expect(source).toMatch(new RegExp(`\\b${limit}\\b`))
  })

  it('none is without a proof', () => {
    expect(Object.keys(PROVEN).sort()).toEqual(Object.keys(DEFAULT_LIMITS).sort())
  })

  it('what is no limit, or no positive number, is an error at the start', () => {
    for (const value of [0, -1, NaN, '5' as never, null as never]) {
      expect(() => limitsOf({ links: value })).toThrow(TypeError)
    }
    expect(() => limitsOf({ toString: 1 } as never)).toThrow(TypeError)
    expect(limitsOf({ links: undefined, linksPerUser: Infinity })).toEqual({
      ...DEFAULT_LIMITS,
      linksPerUser: Infinity,
    })
  })
})
