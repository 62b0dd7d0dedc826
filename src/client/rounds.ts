import { rememberStart, retryDelay, roundAllowedAt } from './backoff.ts'
import { NEVER } from './connection-state.ts'
import type { LinkView } from './connection-state.ts'
import { note, open, setRound, setRung } from './draft.ts'
import type { Draft } from './draft.ts'
import { raceOrder, rungAfter, rungToProbe } from './ladder.ts'

/** Head start of a transport over the next: a few measured round trips, after the idea of RFC 8305. */
const headStart = ({ s, setup }: Draft): number =>
  setup.sequential ? NEVER : Math.max(setup.timing.headStartMs, 3 * s.rttMs)

/** A link of this transport is on its way. */
const isOpening = ({ s }: Draft, rung: number): boolean =>
  s.links.some((link) => link.rung === rung && link.id !== s.carrier?.id)

/** Waits for the next round, or starts it when it may start now. */
export const schedule = (d: Draft, delayMs: number): void => {
  const { s, now } = d
  s.round = null
  s.retryAtMs = Math.max(now + delayMs, s.notBeforeMs, roundAllowedAt(s.starts, now))
  if (s.retryAtMs <= now) {
    startRound(d)
    return
  }
  s.name = 'waiting'
  note(d, 'wait', { ms: s.retryAtMs - now })
}

/** Waits with the back-off of the failures so far. */
const retry = (d: Draft): void => {
  schedule(d, retryDelay(d.s.failures, d.random, d.setup.timing))
}

/** A race after a good link or a signal, else one single try. */
export const startRound = (d: Draft): void => {
  const { s, now } = d
  const { race } = s
  s.name = 'connecting'
  s.retryAtMs = NEVER
  s.starts = rememberStart(s.starts, now)
  s.race = false
  s.round = { pending: race ? raceOrder(s.rungs, now) : [], nextAtMs: race ? now : NEVER, read: 'none', failed: [] }
  if (!race) open(d, s.single, 'carry')
  else if (d.setup.firstRead) {
    setRound(d, { read: 'pending' })
    open(d, -1, 'read')
  }
  advance(d)
}

/** Starts what is due; ends the round when nothing is left of it. */
export const advance = (d: Draft): void => {
  const { s, now } = d
  while (s.round && now >= s.round.nextAtMs) {
    const [next, ...pending] = s.round.pending
    setRound(d, { pending, nextAtMs: pending.length ? now + headStart(d) : NEVER })
    if (next !== undefined && !isOpening(d, next)) open(d, next, 'carry')
  }
  if (!s.round || s.links.length > 0) return
  // Nothing worked, so it is an outage and no verdict is written. The next single try goes on where this round stopped.
  s.single = s.round.pending[0] ?? rungAfter(s.rungs, s.single)
  s.failures++
  s.dark++
  retry(d)
}

/** One better transport at a time, the best first. */
export const climb = (d: Draft): void => {
  const { carrier, links, notBeforeMs, rungs } = d.s
  if (!carrier || d.now < notBeforeMs || links.some((link) => link.rung < carrier.rung)) return
  const better = rungToProbe(rungs, carrier.rung, d.now)
  if (better >= 0) open(d, better, 'probe', d.setup.timing.probeMs)
}

/** What a link's failures and the transport's verdicts become once it has been stable. */
export const settle = (d: Draft, rung: number): void => {
  d.s.failures = 0
  setRung(d, rung, (each) => ({ ...each, demotions: 0, young: 0 }))
}

/**
 * The carrying link is gone. After a stable one, or one whose end was announced, everything races again; a young one counts as a
 * failure, and after two of them another transport has its turn.
 */
export const lost = (d: Draft, link: LinkView): void => {
  const { s, now } = d
  s.name = 'connecting'
  s.replaceAtMs = NEVER
  if (now - link.sinceMs >= d.setup.timing.stableMs || s.notBeforeMs > now) {
    settle(d, link.rung)
    s.race = true
    schedule(d, 0)
    return
  }
  s.failures++
  setRung(d, link.rung, (rung) => ({ ...rung, young: rung.young + 1 }))
  s.single = (s.rungs[link.rung]?.young ?? 0) < 2 ? link.rung : rungAfter(s.rungs, link.rung)
  retry(d)
}
