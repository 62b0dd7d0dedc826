import type { Clock } from '../base/clock.ts'
import type { LinkEnd } from '../transports/transport.ts'
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
  open(asks: Ask[], ended: (end: LinkEnd) => void, carrier: Session): Reading
}

type Reading = Pick<Session, 'close' | 'aliveMs'> & { readonly transport: Pick<Session['transport'], 'beats'> }

export interface CatchUp {
  /** Reads when somebody is behind and it may; returns the clock at which it is to be called again. */
  pump(): number
  stop(): void
}

/** Reads for those subscriptions that are behind: one read at a time, page by page; one that brings nothing backs off. */
export const createCatchUp = ({ clock, timing, live, ...env }: CatchUpEnv): CatchUp => {
  let failures = 0
  let asks: Ask[] = []
  let session: Reading | null = null
  let startMs = 0
  /** No read may start before (PROTOCOL.md §10.4), whoever else falls behind. */
  let notBeforeMs = 0

  /** When the read that runs is given up. On a slow line a page comes bit by bit; beats are no part of it. */
  const deadlineMs = ({ aliveMs, transport }: Reading): number =>
    (transport.beats ? startMs : aliveMs) + env.timeoutMs()

  const stop = (): void => {
    session?.close()
    session = null
  }
  const over = (retryAfterMs = 0): void => {
    stop()
    failures = asks.some(({ moved }) => moved) ? 0 : failures + 1
    notBeforeMs = clock.now() + retryAfterMs
    if (failures)
      live.catchUpMs = clock.now() + Math.max(timing.backoffMs, retryDelay(failures + 1, clock.random(), timing))
  }

  return {
    pump() {
      const now = clock.now()
      if (session && deadlineMs(session) <= now) over()
      if (session) return deadlineMs(session)
      asks = env.asks()
      if (!asks.length || !live.carrier) return Infinity
      const readyMs = Math.max(live.catchUpMs, notBeforeMs, live.connection.notBeforeMs)
      if (readyMs > now) return readyMs
      startMs = now
      session = env.open(
        asks,
        ({ retryAfterMs }) => {
          over(retryAfterMs)
          env.step()
        },
        live.carrier,
      )
      return deadlineMs(session)
    },
    stop,
  }
}
