import type { LinkEnd } from '../transports/transport.ts'
import type { TimingOptions } from './types.ts'

/** What is known of one transport. */
export interface Rung {
  readonly supported: boolean
  /** A link of it was proven in this page's life. */
  proven: boolean
  /** It failed in the running round, and is demoted if another one works. */
  failed: boolean
  /** Demotions since it was last stable; each doubles the probation. */
  demotions: number
  /** On probation until then (clock), 0 when it is not. A verdict expires, it is never for ever. */
  untilMs: number
  /** Its last proven link died before it was stable; it is demoted if another one works. */
  young: boolean
  attempts: number
  /** How its last link ended. */
  last: LinkEnd | null
}

export const newRung = (supported: boolean): Rung => ({
  supported,
  proven: false,
  failed: false,
  demotions: 0,
  untilMs: 0,
  young: false,
  attempts: 0,
  last: null,
})

/**
 * What the end of a link says, and of whom. `auth`: the token or the page, `server`: the hub is overloaded or failing; no other
 * transport helps with these. `transport`: this one does not work here. `network`: nothing reached the hub, or something else answered.
 */
export type Blame = 'auth' | 'server' | 'transport' | 'network'

/**
 * Only an answer of the hub itself speaks for the hub: a proxy's 503 in HTML is the network's (PROTOCOL.md §6.2). But whoever
 * sends a Retry-After asks for time, and gets it. WebSocket close codes are the statuses plus 4000 (§5.6).
 */
export const blame = ({ code, status = 0, retryAfterMs }: LinkEnd): Blame => {
  const ofHub = code === 'refused' || code === 'cut' ? status % 4_000 : 0
  if (ofHub === 401 || ofHub === 403) return 'auth'
  if ([408, 425, 429].includes(ofHub) || (ofHub >= 500 && ofHub < 600) || retryAfterMs !== undefined) return 'server'
  return ['failed', 'timeout', 'foreign', 'cut'].includes(code) ? 'network' : 'transport'
}

/** The order in which a race starts the transports: by preference, those on probation last. */
export const raceOrder = (rungs: readonly Rung[], now: number): number[] =>
  rungs
    .flatMap((rung, index) => (rung.supported ? [index] : []))
    .sort((a, b) => Number((rungs[a]?.untilMs ?? 0) > now) - Number((rungs[b]?.untilMs ?? 0) > now))

/** The supported transport after `index`, going round. */
export const rungAfter = (rungs: readonly Rung[], index: number): number => {
  const later = rungs.findIndex((rung, at) => at > index && rung.supported)
  return later < 0 ? rungs.findIndex((rung) => rung.supported) : later
}

/** The best transport above `carrier` that may be tried now; −1 when there is none. */
export const rungToProbe = (rungs: readonly Rung[], carrier: number, now: number): number =>
  rungs.findIndex((rung, index) => index < carrier && rung.supported && rung.untilMs <= now)

/** How long the next probation lasts: half of `probationMs` when it was proven in this page's life, doubled each time. */
export const probation = (rung: Rung, { probationMs, maxProbationMs }: TimingOptions): number =>
  Math.min(maxProbationMs, (rung.proven ? probationMs / 2 : probationMs) * 2 ** rung.demotions)

/** Forgets what was said of a transport: it was stable, or the network is another one. */
export const pardon = (rung: Rung): void => {
  rung.demotions = rung.untilMs = 0
  rung.young = false
}
