import type { Clock } from '../base/clock.ts'
import { retryDelay } from './backoff.ts'
import type { Session } from './session.ts'
import type { Ask, Registry } from './subscriptions.ts'
import type { TimingOptions } from './types.ts'

export interface CatchUpEnv {
  readonly clock: Clock
  readonly timing: TimingOptions
  readonly registry: Pick<Registry, 'catchUps'>
  /** Clock from which a read may start (PROTOCOL.md §10.4); Infinity without a link that carries traffic. */
  readyAtMs(): number
  timeoutMs(): number
  /** Opens one short read for these, or a link of its own where there is no short read. */
  open(asks: Ask[], ended: () => void): Pick<Session, 'close'> | null
}

/** Reads for those subscriptions that are behind: one read at a time, page by page; one that brings nothing backs off. */
export const createCatchUp = ({ clock, timing, registry, ...env }: CatchUpEnv): { pump(): void; stop(): void } => {
  let failures = 0
  let session: Pick<Session, 'close'> | null = null
  let cancel = (): void => {}

  const stop = (): void => {
    cancel()
    session?.close()
    session = null
  }
  const pump = (): void => {
    const asks = session ? [] : registry.catchUps()
    if (!asks.length) return
    cancel()
    const waitMs = env.readyAtMs() - clock.now()
    if (waitMs > 0) {
      // The next link that carries traffic calls again.
      if (waitMs < Infinity) cancel = clock.after(waitMs, pump)
      return
    }
    const ended = (): void => {
      stop()
      const progress = asks.some(({ moved }) => moved)
      failures = progress ? 0 : failures + 1
      if (progress) pump()
      else cancel = clock.after(Math.max(timing.backoffMs, retryDelay(failures + 1, clock.random(), timing)), pump)
    }
    session = env.open(asks, ended)
    cancel = clock.after(env.timeoutMs(), ended)
  }

  return { pump, stop }
}
