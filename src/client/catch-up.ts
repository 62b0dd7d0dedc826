import type { Clock } from '../base/clock.ts'
import { retryDelay } from './backoff.ts'
import type { Session, Standing } from './live.ts'
import type { Ask } from './subscriptions.ts'
import type { TimingOptions } from './types.ts'

export interface CatchUpEnv {
  readonly clock: Clock
  readonly timing: TimingOptions
  readonly live: Standing<Session>
  /** What is to be read for those who are behind. */
  asks(): Ask[]
  timeoutMs(): number
  step(): void
  /** Opens one short read for these, or a link of its own where there is no short read. */
  open(asks: Ask[], ended: () => void, carrier: Session): Pick<Session, 'close'>
}

export interface CatchUp {
  /** Reads when somebody is behind and it may; returns the clock at which it is to be called again. */
  pump(): number
  stop(): void
}

/** Reads for those subscriptions that are behind: one read at a time, page by page; one that brings nothing backs off. */
export const createCatchUp = ({ clock, timing, live, ...env }: CatchUpEnv): CatchUp => {
  let failures = 0
  let asks: Ask[] = []
  let session: Pick<Session, 'close'> | null = null
  /** When the read that runs is given up. */
  let deadlineMs = 0

  const stop = (): void => {
    session?.close()
    session = null
  }
  const over = (): void => {
    stop()
    failures = asks.some(({ moved }) => moved) ? 0 : failures + 1
    if (failures)
      live.catchUpMs = clock.now() + Math.max(timing.backoffMs, retryDelay(failures + 1, clock.random(), timing))
  }

  return {
    pump() {
      const now = clock.now()
      if (session && deadlineMs <= now) over()
      if (session) return deadlineMs
      asks = env.asks()
      if (!asks.length || !live.carrier) return Infinity
      const readyMs = Math.max(live.catchUpMs, live.connection.notBeforeMs)
      if (readyMs > now) return readyMs
      deadlineMs = now + env.timeoutMs()
      session = env.open(
        asks,
        () => {
          over()
          env.step()
        },
        live.carrier,
      )
      return deadlineMs
    },
    stop,
  }
}
