import type { LinkEnd } from '../transports/transport.ts'
import type { TimingOptions } from './types.ts'

/** What is known of one transport, in the order of preference. Pure data. */
export interface Rung {
  readonly supported: boolean
  /** A link of it was proven in this page's life. */
  readonly proven: boolean
  /** Demotions since it was last stable; each doubles the probation. */
  readonly demotions: number
  /** On probation until then (clock), 0 when it is not. A verdict expires, it is never for ever. */
  readonly untilMs: number
  /** Proven links that died before they were stable, since it was last stable. */
  readonly young: number
  readonly attempts: number
  /** How its last link ended. */
  readonly last: LinkEnd | null
}

export const newRung = (supported: boolean): Rung => ({
  supported,
  proven: false,
  demotions: 0,
  untilMs: 0,
  young: 0,
  attempts: 0,
  last: null,
})

/** What the end of a link says, and of whom. */
export type Blame =
  /** 401 or 403: the token or the page. No transport helps. */
  | 'auth'
  /** The hub is overloaded or failing. No transport helps. */
  | 'server'
  /** This transport does not work here; another one may. */
  | 'transport'
  /** Nothing reached the hub, or something else answered. */
  | 'network'

const isAuth = (status: number): boolean => status === 401 || status === 403 || status === 4401 || status === 4403

const isServer = (status: number): boolean =>
  status === 408 || status === 425 || status === 429 || status === 4429 || status === 4503 || (status >= 500 && status < 600)

/** Only an answer of the hub itself speaks for the hub: a proxy's 503 in HTML is the network's (PROTOCOL.md §6.2). */
export const blame = (end: LinkEnd): Blame => {
  const status = end.status ?? 0
  if (end.code === 'refused' || end.code === 'cut') {
    if (isAuth(status)) return 'auth'
    if (isServer(status)) return 'server'
  }
  // Another's 503 with Retry-After is obeyed like the hub's: whoever sends it asks for time.
  if (end.retryAfterMs !== undefined) return 'server'
  return end.code === 'failed' || end.code === 'timeout' || end.code === 'foreign' || end.code === 'cut' ? 'network' : 'transport'
}

/** The order in which a race starts the transports: by preference, those on probation last. */
export const raceOrder = (rungs: readonly Rung[], now: number): number[] => {
  const usable = rungs.flatMap((rung, index) => (rung.supported ? [index] : []))
  const waits = (index: number): boolean => (rungs[index]?.untilMs ?? 0) > now
  return [...usable.filter((index) => !waits(index)), ...usable.filter(waits)]
}

/** The supported transport after `index`, going round. */
export const rungAfter = (rungs: readonly Rung[], index: number): number => {
  for (let step = 1; step <= rungs.length; step++) {
    const next = (index + step) % rungs.length
    if (rungs[next]?.supported) return next
  }
  return index
}

/** The best transport above `carrier` that may be tried now; −1 when there is none. */
export const rungToProbe = (rungs: readonly Rung[], carrier: number, now: number): number =>
  rungs.findIndex((rung, index) => index < carrier && rung.supported && rung.untilMs <= now)

/** Puts a transport on probation: half of `probationMs` when it was proven in this page's life, doubled each time. */
export const demote = (rung: Rung, now: number, timing: TimingOptions): Rung => {
  const first = rung.proven ? timing.probationMs / 2 : timing.probationMs
  return {
    ...rung,
    demotions: rung.demotions + 1,
    young: 0,
    untilMs: now + Math.min(timing.maxProbationMs, first * 2 ** rung.demotions),
  }
}

/** Another network: what was said of the old one does not hold. */
export const pardon = (rung: Rung): Rung => ({ ...rung, demotions: 0, untilMs: 0, young: 0 })
