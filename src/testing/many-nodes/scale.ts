import { TIMING } from '../../client/timing.ts'
import type { TimingOptions } from '../../client/types.ts'
import { DEFAULT_LIMITS } from '../../server/limits.ts'
import type { HubLimits } from '../../server/limits.ts'

/** All durations of clients and hubs are the real ones, divided by this. More would take a busy machine for a broken network. */
export const SCALE = 5

/** What PROTOCOL.md fixes (§6.4), and what is no duration of a link. */
const UNSCALED: readonly string[] = ['secondFrameMs', 'rateBurstMs'] satisfies (keyof HubLimits)[]

const scaled = <Durations extends object>(real: Durations, unscaled: readonly string[] = []): Durations =>
  Object.fromEntries(
    Object.entries(real as Readonly<Record<string, number>>).map(([name, value]) =>
      name.endsWith('Ms') && !unscaled.includes(name) ? [name, value / SCALE] : [name, value],
    ),
  ) as Durations

export const CLIENT_TIMING: TimingOptions = scaled(TIMING)
export const HUB_LIMITS: HubLimits = scaled(DEFAULT_LIMITS, UNSCALED)

/** Time that Redis has for an answer. */
export const REDIS_MS = 2_000 / SCALE
/** From SIGTERM to the exit. */
export const DRAIN_SECONDS = 25 / SCALE
