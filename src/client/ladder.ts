import type { LinkEnd } from '../transports/transport.ts'

/** What a transport can do. */
export interface Ability {
  readonly supported: boolean
  readonly duplex: boolean
  readonly proof: 'welcome' | 'heartbeat' | 'answer'
}

/** What is known of one transport. What was never said of it is absent. */
export interface Rung extends Partial<Ability> {
  /** Its place in the order of preference; −1 is the first read, which belongs to no transport. */
  readonly place: number
  /** A link of it was proven in this page's life. */
  works?: boolean
  /** It failed in the running round, or died young before it, and is demoted if another one works. */
  missed?: boolean
  /** Demotions since it was last stable; each doubles the probation. */
  demotions: number
  /** On probation until then (clock), 0 when it is not. A verdict expires, it is never for ever. */
  untilMs: number
  attempts: number
  /** How its last link ended. */
  last?: LinkEnd
}

export const newRung = (ability?: Ability, place = -1): Rung => ({
  ...ability,
  place,
  demotions: 0,
  untilMs: 0,
  attempts: 0,
})

/** Forgets what was said of a transport: it was stable, or the network is another one. */
export const pardon = (rung: Rung): void => {
  rung.demotions = rung.untilMs = 0
}

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
  const seen = `${code} ${status % 4_000}`
  if (/^(refused|cut) 40[13]$/.test(seen)) return 'auth'
  if (retryAfterMs !== undefined || /^(refused|cut) (408|425|429|5..)$/.test(seen)) return 'server'
  return /^(failed|timeout|foreign|cut)/.test(seen) ? 'network' : 'transport'
}
