import type { Clock } from '../base/clock.ts'
import type { Session, SessionHandlers } from './session.ts'
import type { Ask, Registry } from './subscriptions.ts'
import { retryDelay } from './backoff.ts'
import type { TimingOptions } from './types.ts'

export interface CatchUpEnv {
  readonly clock: Clock
  readonly timing: TimingOptions
  readonly registry: Registry
  /** True while a link carries traffic and nothing forbids requests. */
  ready(): boolean
  timeoutMs(): number
  /** Opens one short read for these, or a link of its own where there is no short read. */
  open(asks: readonly Ask[], on: Pick<SessionHandlers, 'run' | 'gap' | 'end'>): Promise<Session | null>
  hubMs(): number
}

/** Reads for those subscriptions that are behind: one read at a time, page by page; one that brings nothing backs off. */
export const createCatchUp = (env: CatchUpEnv): { pump(): void; stop(): void } => {
  const { clock, registry } = env
  let running = false
  let stopped = false
  let failures = 0
  let session: Session | null = null
  let cancel = (): void => {}

  const done = (progress: boolean): void => {
    session?.close()
    session = null
    running = false
    cancel()
    failures = progress ? 0 : failures + 1
    if (stopped) return
    if (progress) pump()
    else
      cancel = clock.after(Math.max(env.timing.backoffMs, retryDelay(failures + 1, clock.random(), env.timing)), pump)
  }

  const pump = (): void => {
    if (running || stopped || !env.ready()) return
    const asks = registry.catchUps()
    if (!asks.length) return
    running = true
    const open = new Set(asks)
    let progress = false
    let ended = false
    const end = (): void => {
      if (ended) return
      ended = true
      done(progress)
    }
    cancel()
    cancel = clock.after(env.timeoutMs(), end)
    void env
      .open(asks, {
        run(ask, frame) {
          progress = registry.run(ask, frame, env.hubMs()) || progress
          if (frame.more || !ask.open || !open.delete(ask)) return
          // The last page: whoever has all of it is one of the others again.
          progress = registry.rejoin(ask) || progress
          if (!open.size) end()
        },
        gap(ask, frame) {
          progress = registry.gap(ask, frame) || progress
        },
        end,
      })
      .then((opened) => {
        if (ended) opened?.close()
        else session = opened
        if (!opened) end()
      })
  }

  return {
    pump,
    stop() {
      stopped = true
      cancel()
      session?.close()
    },
  }
}
