import type { LinkEnd } from '../transports/transport.ts'
import { rememberStart, retryDelay, roundAllowedAt } from './backoff.ts'
import { carrierOf, connectDeadline, isReplacing, NEVER } from './connection-state.ts'
import type { ConnectionSetup, ConnectionState, LinkView } from './connection-state.ts'
import { pardon, probation, raceOrder, rungAfter, rungToProbe } from './ladder.ts'
import type { Blame, Rung } from './ladder.ts'
import type { LinkPurpose } from './types.ts'

/** A state in the making: a copy that belongs to one transition, with its time, chance and setup. */
export type Draft = ConnectionState & { now: number; random: number; setup: ConnectionSetup }

/** The rung of a link; the first read has none of its own. */
export const rungOf = ({ rungs }: ConnectionState, link: Pick<LinkView, 'rung'>): Rung | undefined => rungs[link.rung]

export const drop = (s: Draft, link: LinkView): void => {
  s.links = s.links.filter((each) => each !== link)
  s.effects.push({ type: 'drop', link: link.id })
}

const open = (s: Draft, rung: number, purpose: LinkPurpose, ms = connectDeadline(s, s.setup.timing)): void => {
  const link = s.nextLink++
  s.links.push({ id: link, rung, purpose, phase: 'opening', sinceMs: s.now, deadlineMs: s.now + ms })
  const view = s.rungs[rung]
  if (view) view.attempts++
  s.effects.push({ type: 'open', link, rung, purpose })
}

/** No attempt for so long, unless a longer pause holds already. */
export const holdOff = (s: Draft, ms: number): void => {
  s.notBeforeMs = Math.max(s.notBeforeMs, s.now + ms)
}

/** Writes the verdict on a transport: another one works and this one does not. */
export const demote = (s: Draft, index: number): void => {
  const rung = s.rungs[index]
  if (!rung) return
  const ms = probation(rung, s.setup.timing)
  rung.untilMs = s.now + ms
  // A handshake that hangs costs Firefox a connection to the host until the other side ends it (docs/decisions/0009).
  rung.demotions += rung.last?.code === 'timeout' ? 2 : 1
  rung.young = false
  s.effects.push({ type: 'demote', rung: index, ms })
}

/** Tries a transport again later, without a verdict: what went wrong was not its fault. */
export const postpone = (s: Draft, index: number): void => {
  const rung = s.rungs[index]
  if (rung) rung.untilMs = s.now + s.setup.timing.probationMs
}

/** Waits for the next round, or starts it when it may start now. */
export const schedule = (s: Draft, delayMs: number): void => {
  s.pending = []
  s.nextAtMs = NEVER
  s.retryAtMs = Math.max(s.now + delayMs, s.notBeforeMs, roundAllowedAt(s.starts, s.now))
  if (s.retryAtMs <= s.now) {
    startRound(s)
    return
  }
  s.name = 'waiting'
  s.effects.push({ type: 'wait', ms: s.retryAtMs - s.now })
}

/** A race after a good link or a signal, else one single try. */
export const startRound = (s: Draft): void => {
  const { race, now } = s
  s.name = 'connecting'
  s.retryAtMs = NEVER
  s.starts = rememberStart(s.starts, now)
  s.race = false
  s.httpDown = false
  for (const rung of s.rungs) rung.failed = false
  if (race) {
    s.pending = raceOrder(s.rungs, now)
    s.nextAtMs = now
    if (s.setup.firstRead) open(s, -1, 'read')
  } else open(s, s.single, 'carry')
  advance(s)
}

/** Starts what is due; ends the round when nothing is left of it. */
export const advance = (s: Draft): void => {
  const { now, setup } = s
  while (now >= Math.max(s.nextAtMs, s.notBeforeMs)) {
    const [next = -1, ...pending] = s.pending
    // A head start of a few measured round trips, after the idea of RFC 8305.
    const headStart = setup.sequential ? NEVER : Math.max(setup.timing.headStartMs, 3 * s.rttMs)
    s.pending = pending
    s.nextAtMs = pending.length ? now + headStart : NEVER
    if (next >= 0 && !s.links.some((link) => link.rung === next)) open(s, next, 'carry')
  }
  if (s.name !== 'connecting' || s.links.length) return
  // Nothing worked, so it is an outage and no verdict is written. The next single try goes on where this round stopped.
  s.single = s.pending[0] ?? rungAfter(s.rungs, s.single)
  retry(s)
}

/** One more failure in a row: the back-off says when the next round is. */
const retry = (s: Draft): void => {
  schedule(s, retryDelay(++s.failures, s.random, s.setup.timing))
}

/**
 * What goes on beside a link that carries traffic: the same transport anew when that is asked for, from the positions and
 * subscriptions of now, while the old link still runs; and one better transport at a time, the best first.
 */
export const climb = (s: Draft, replaceMs?: number): void => {
  const rung = carrierOf(s)?.rung ?? -1
  if (rung < 0 || s.now < s.notBeforeMs) return
  if (s.stale && !isReplacing(s)) {
    s.stale = false
    open(s, rung, 'replace', replaceMs)
  }
  if (s.links.some((link) => link.rung < rung)) return
  const better = rungToProbe(s.rungs, rung, s.now)
  if (better >= 0) open(s, better, 'probe', s.setup.timing.probeMs)
}

/** The carrying link has lived long enough: what was held against it and its transport is forgotten. */
export const settle = (s: Draft, link: LinkView): boolean => {
  const stable = s.now >= link.sinceMs + s.setup.timing.stableMs
  const rung = rungOf(s, link)
  if (stable) s.failures = 0
  if (stable && rung) pardon(rung)
  return stable
}

/**
 * The carrying link is gone. After a stable one, or one whose end was announced, everything races again. A young one counts as a
 * failure, and the next transport has its turn: short-lived links are no better than mute ones. One that says of itself that it does
 * not work here (holds that are cut) is demoted at once, for plain HTTP works.
 */
export const lost = (s: Draft, link: LinkView, cause: Blame): void => {
  s.name = 'connecting'
  s.stale = false
  if (cause === 'transport') {
    demote(s, link.rung)
    s.race = true
    schedule(s, 0)
    return
  }
  if (settle(s, link) || s.notBeforeMs > s.now) {
    s.race = true
    schedule(s, 0)
    return
  }
  const rung = rungOf(s, link)
  if (rung) rung.young = true
  s.single = rungAfter(s.rungs, link.rung)
  retry(s)
}

/** 401 or 403: one new token is tried, then only the application can help. Never a reason to change the transport. */
export const onRefused = (s: Draft, end: LinkEnd): void => {
  dropAll(s)
  s.refused = !s.refused
  if (s.refused) schedule(s, 0)
  else s.effects.push({ type: 'stop', end })
}

/** Back to where nothing is open and nothing is due. */
export const dropAll = (s: Draft): void => {
  for (const link of s.links) drop(s, link)
  s.name = 'idle'
  s.pending = []
  s.nextAtMs = s.retryAtMs = NEVER
  s.stale = false
  s.race = true
}
