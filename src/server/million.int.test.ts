import { expect, it } from 'vitest'
import { besiegedHub } from '../testing/besieged-hub.ts'
import { memoryUsed } from '../testing/heap-growth.ts'
import { keepResult } from '../testing/keep-result.ts'
import { makePools, requestOnSocket, talkOnWebSocket } from '../testing/random-peers.ts'
import { memoryStore } from './memory-store.ts'

/** Frames and requests together. */
const COUNT = process.env['FULL'] ? 1_000_000 : 30_000
const FRAMES = COUNT * 0.9
const SEED = Number(process.env['FUZZ_SEED'] ?? 1)
const ROUNDS = 10
const FULL_AFTER = 3
const WEBSOCKETS = 12
const CONNECTIONS = 24
/** Of one link before another one is opened. */
const FRAMES_OF_A_LINK = 4_000
/** What is left may be more by this at the end than it was by then. */
const GROWTH_BYTES = 6_000_000
const PATIENCE_MS = 60_000

const NO_RATE = {
  connectsPerMinutePerAddress: Infinity,
  connectsPerMinutePerUser: Infinity,
  subscribesPerMinutePerLink: Infinity,
  subscribesPerMinutePerUser: Infinity,
  subscribesPerMinutePerAddress: Infinity,
  publishesPerMinutePerLink: Infinity,
  publishesPerMinutePerUser: Infinity,
  publishesPerMinutePerAddress: Infinity,
  pollsPerMinutePerUser: Infinity,
  pollsPerMinutePerAddress: Infinity,
  refusalsPerMinutePerLink: Infinity,
}
const hub = besiegedHub({ limits: NO_RATE, store: memoryStore({ messages: 50, channels: 100 }) })

// Errors are made by the hundred thousand, and where they were made is of no interest.
Error.stackTraceLimit = 0

it(`S16 ${COUNT.toLocaleString('en')} random frames and requests at one hub: nothing is thrown, nobody else notices, and nothing is left`, async () => {
  const pools = makePools(SEED, hub.path)
  let [frames, requests] = [0, 0]
  const framesUpTo = async (most: number): Promise<void> => {
    while (frames < most) {
      const said = await talkOnWebSocket(hub, pools, FRAMES_OF_A_LINK)
      frames += said
    }
  }
  const requestsUpTo = async (most: number): Promise<void> => {
    while (requests < most) {
      const answered = await requestOnSocket(hub, pools)
      requests += answered
    }
  }
  const handles = (): number => process.getActiveResourcesInfo().filter((name) => name !== 'Immediate').length
  let base = { memory: 0, handles: 0 }
  for (let round = 1; round <= ROUNDS; round++) {
    const share = round / ROUNDS
    await Promise.all([
      ...Array.from({ length: WEBSOCKETS }, () => framesUpTo(FRAMES * share)),
      ...Array.from({ length: CONNECTIONS }, () => requestsUpTo((COUNT - FRAMES) * share)),
    ])
    await hub.harmless()
    // By then whatever is bounded is full: logs, and the keys of publishes above all.
    if (round === FULL_AFTER) base = { memory: await memoryUsed(), handles: handles() }
  }
  expect(frames + requests).toBeGreaterThanOrEqual(COUNT)
  const { publishes, refusals } = hub.metrics
  // It was not all refused at the door, nor all taken.
  const [taken, refused] = [publishes.appended + publishes.repeated, refusals['bad-request']]
  expect(Math.min(taken, refused)).toBeGreaterThan(COUNT / 100)
  expect(refusals.internal).toBe(0)
  await expect.poll(handles, { timeout: PATIENCE_MS }).toBeLessThanOrEqual(base.handles + 1)
  const grown = (await memoryUsed()) - base.memory
  expect(grown).toBeLessThan(GROWTH_BYTES)
  keepResult(
    'random frames and requests',
    `${frames} frames, ${requests} requests, seed ${SEED}: ${taken} publishes taken, ${refused} refused as malformed, memory ${grown} bytes`,
  )
}, 1_200_000)
