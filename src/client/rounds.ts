import { retryDelay } from './backoff.ts'
import { carrierOf, connectDeadline, NEVER } from './connection-state.ts'
import type { ConnectionSetup, ConnectionState, LinkView, Moment } from './connection-state.ts'
import { newRung } from './ladder.ts'
import type { Rung } from './ladder.ts'
import type { LinkPurpose } from './types.ts'

/** A state in the making: a copy that belongs to one transition, with its time, chance and setup. */
export type Draft = ConnectionState & ConnectionSetup & Moment

export const remove = (s: Draft, link: LinkView): void => {
  s.links = s.links.filter((each) => each !== link)
}

export const drop = (s: Draft, link: LinkView): void => {
  remove(s, link)
  s.effects.push({ type: 'drop', link: link.id })
}

const open = (s: Draft, record: Rung, purpose: LinkPurpose, ms = connectDeadline(s, s.timing)): void => {
  const link = s.nextLink++
  const rung = record.place
  record.attempts++
  s.links.push({ id: link, rung, record, purpose, phase: 'open', sinceMs: s.now, deadlineMs: s.now + ms })
  s.effects.push({ type: 'open', link, rung, purpose })
}

/** No attempt for so long, unless a longer pause holds already. */
export const holdOff = (s: Draft, ms: number): void => {
  s.notBeforeMs = Math.max(s.notBeforeMs, s.now + ms)
}

/** Writes the verdict on a transport: another one works and this one does not. It is short when this one was proven before. */
export const demote = (s: Draft, rung: Rung): void => {
  const { probationMs, maxProbationMs } = s.timing
  const ms = Math.min(maxProbationMs, (rung.works ? probationMs / 2 : probationMs) * 2 ** rung.demotions)
  rung.untilMs = s.now + ms
  // A handshake that hangs costs Firefox a connection to the host until the other side ends it (docs/decisions/0009).
  rung.demotions += rung.last?.code === 'timeout' ? 2 : 1
  rung.missed = false
  s.effects.push({ type: 'demote', rung: rung.place, ms })
}

const usable = (s: Draft): Rung[] => s.rungs.filter((rung) => rung.supported)

/** The transports in the order in which they are tried: by preference, those on probation last. */
export const inOrder = (s: Draft): Rung[] =>
  usable(s).sort((a, b) => Math.max(s.now, a.untilMs) - Math.max(s.now, b.untilMs))

/** Lets the next round begin as soon as it may, with those that are given or with all: 3 a second and 20 a minute at most. */
export const schedule = (s: Draft, delayMs: number, toStart: readonly Rung[] = []): void => {
  const { now, starts } = s
  s.name = 'waiting'
  s.toStart = toStart
  s.stale = 0
  for (const rung of s.rungs) rung.missed = false
  s.retryAtMs = Math.max(
    now + delayMs,
    s.notBeforeMs,
    (starts.at(-3) ?? -NEVER) + 1_000,
    (starts.at(-20) ?? -NEVER) + 60_000,
  )
  if (s.retryAtMs > now) s.effects.push({ type: 'wait', ms: s.retryAtMs - now })
}

/** One more failure in a row: a single try of the given transport, or else of the one whose turn it is, when the back-off says so. */
export const retry = (s: Draft, first?: Rung): void => {
  const all = usable(s)
  const next = first ?? all.find(({ place }) => place >= s.nextTry) ?? all[0] ?? newRung()
  s.nextTry = next.place + 1
  schedule(s, retryDelay(++s.failures, s.random, s.timing), [next])
}

/** Opens what is due of a round; ends the round when nothing is left of it. */
const advance = (s: Draft): void => {
  const { now, timing } = s
  if (s.name === 'connecting' && !s.links.length) {
    if (s.retryAtMs < NEVER && s.notBeforeMs <= now) s.retryAtMs = now
    // Nothing worked, so it is an outage and no verdict is written. The next single try goes on where this round stopped.
    else retry(s, s.toStart[0])
  }
  s.retryAtMs = Math.max(s.retryAtMs, s.notBeforeMs)
  while (s.retryAtMs <= now) {
    if (s.name === 'waiting') {
      s.name = 'connecting'
      s.starts = [...s.starts.slice(-19), now]
      if (!s.toStart.length) {
        s.toStart = inOrder(s)
        if (s.firstRead) open(s, newRung(), 'read')
      }
    }
    const [next = newRung(), ...toStart] = s.toStart
    // A head start of a few measured round trips, after the idea of RFC 8305.
    const headStart = s.sequential ? 1e9 : Math.max(timing.headStartMs, 3 * s.rttMs)
    s.toStart = toStart
    s.retryAtMs = toStart.length ? now + headStart : NEVER
    if (!s.links.some(({ record }) => record === next)) open(s, next, 'carry')
  }
}

/**
 * What goes on beside a link that carries traffic: the same transport anew when that is asked for, from the positions and
 * subscriptions of now, while the old link still runs; and one better transport at a time, the best first.
 */
const climb = (s: Draft, { rung, record, sinceMs }: LinkView): void => {
  const { now, timing } = s
  if (s.notBeforeMs > now) {
    s.retryAtMs = s.notBeforeMs
    return
  }
  s.retryAtMs = sinceMs + timing.stableMs
  if (s.stale && !s.links.some(({ purpose }) => purpose === 'replace')) {
    open(s, record, 'replace', Math.min(s.stale, connectDeadline(s, timing)))
    s.stale = 0
  }
  const best = inOrder(s).find(({ place }) => place < rung)
  // One probe at a time: while one runs, its own deadline is what counts.
  if (!best || s.failures || s.links.some((link) => link.rung < rung)) return
  if (best.untilMs <= now) open(s, best, 'probe', timing.probeMs)
  else s.retryAtMs = Math.min(s.retryAtMs, best.untilMs)
}

/** Does what is due, and notes when more will be. */
export const proceed = (s: Draft): void => {
  const carrier = carrierOf(s)
  if (carrier) climb(s, carrier)
  else advance(s)
}

/** Back to where nothing is open and nothing is due. */
export const dropAll = (s: Draft): void => {
  for (const link of s.links) drop(s, link)
  s.name = 'idle'
  s.retryAtMs = NEVER
}

/** A new race, whatever runs or is waited for. */
export const restart = (s: Draft): void => {
  dropAll(s)
  schedule(s, 0)
}
