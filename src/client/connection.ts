import type { LinkEnd } from '../transports/transport.ts'
import { carrierOf, connectDeadline, NEVER } from './connection-state.ts'
import type {
  ConnectionEvent,
  ConnectionSetup,
  ConnectionState,
  LinkNews,
  LinkView,
  OwnNews,
} from './connection-state.ts'
import { blame, pardon } from './ladder.ts'
import {
  advance,
  climb,
  demote,
  drop,
  dropAll,
  holdOff,
  lost,
  onRefused,
  postpone,
  rungOf,
  schedule,
  settle,
  startRound,
} from './rounds.ts'
import type { Draft } from './rounds.ts'

const onEnded = (s: Draft, link: LinkView, end: LinkEnd): void => {
  const { now, setup } = s
  const rung = rungOf(s, link)
  const cause = blame(end)
  s.links = s.links.filter((each) => each !== link)
  s.lastEnd = end
  if (rung) rung.last = end
  holdOff(s, end.retryAfterMs ?? 0)
  if (s.name === 'waiting') s.retryAtMs = Math.max(s.retryAtMs, s.notBeforeMs)
  const carrier = carrierOf(s)
  if (cause === 'auth' && link.purpose !== 'probe') onRefused(s, end)
  else if (link.phase === 'proven') lost(s, link, cause)
  else if (carrier && link.purpose === 'replace') {
    // The hub may be busy while the old link still works; else the same transport does not open any more, and is not to be trusted.
    if (cause === 'server') {
      s.stale = true
      holdOff(s, setup.timing.connectMs)
    } else {
      drop(s, carrier)
      lost(s, carrier, cause)
    }
  } else if (carrier) {
    if (cause === 'auth' || cause === 'server') postpone(s, link.rung)
    else demote(s, link.rung)
    climb(s)
  } else if (s.name === 'connecting') {
    if (rung) {
      rung.failed = cause !== 'server'
      // A failed handshake hides its cause; the first read tells it, and is waited for as long as a head start.
      const hidden = s.links.some((each) => each.rung < 0) && end.code === 'failed' && setup.rungs[link.rung]?.duplex
      s.nextAtMs = hidden ? Math.min(s.nextAtMs, now + Math.max(setup.timing.headStartMs, s.rttMs)) : now
    } else {
      s.httpDown = cause !== 'transport'
      if (!s.links.length) s.nextAtMs = now
    }
    // Plain HTTP fails, or the hub says no: then the transports further down would fail too.
    if (cause === 'server' || s.httpDown || !s.pending.length) s.nextAtMs = NEVER
    advance(s)
  }
}

const onWelcomed = (s: Draft, link: LinkView): void => {
  const { now, setup } = s
  s.rttMs = now - link.sinceMs
  if (link.rung < 0) {
    // The first read has its answer: HTTP works, so a transport that failed was blocked, and the next one starts.
    s.links = s.links.filter((each) => each !== link)
    if (!s.links.length && s.pending.length) s.nextAtMs = now
  } else {
    const { proof } = setup.rungs[link.rung] ?? {}
    const { secondFrameMs, lateMs } = setup.timing
    link.phase = 'welcomed'
    link.deadlineMs =
      now + (proof === 'heartbeat' ? secondFrameMs : proof ? lateMs + connectDeadline(s, setup.timing) : NEVER)
    // A single try was answered, so the network is back: the better ones race along.
    const better = s.rungs.flatMap(({ supported, failed, untilMs }, index) =>
      index < link.rung && supported && !failed && untilMs <= now ? [index] : [],
    )
    if (s.name === 'connecting' && !s.pending.length && better.length) {
      s.pending = better
      s.nextAtMs = now
    }
  }
  if (s.name === 'connecting') advance(s)
}

const onProven = (s: Draft, link: LinkView): void => {
  const { now } = s
  const old = carrierOf(s)
  const rung = rungOf(s, link)
  if (old) drop(s, old)
  link.phase = 'proven'
  // Whatever it was opened for: now it is the one that is replaced.
  link.purpose = 'carry'
  // A link that only brought new subscriptions does not start the clock of stability again.
  link.sinceMs = old?.rung === link.rung ? old.sinceMs : now
  link.deadlineMs = NEVER
  s.name = 'online'
  s.pending = []
  s.nextAtMs = s.retryAtMs = NEVER
  s.refused = false
  if (rung) rung.proven = true
  for (const each of s.links) {
    if (each === link || each.rung < 0) continue
    // A better one still on its way may take over; everything else has done its work.
    if (each.rung < link.rung) each.purpose = 'probe'
    else drop(s, each)
  }
  s.rungs.slice(0, link.rung).forEach((each, index) => {
    if (each.failed || each.young) demote(s, index)
    each.failed = false
  })
  climb(s)
}

/** The page woke or its network changed. A good link is asked, not dropped; a stream cannot be asked and is opened anew. */
const onWake = (s: Draft, network: boolean): void => {
  const { now, setup } = s
  const carrier = carrierOf(s)
  const wakeMs = Math.max(setup.timing.wakeMs, 4 * s.rttMs)
  if (network) s.rungs.forEach(pardon)
  if (s.name === 'waiting' || (network && s.name === 'connecting')) {
    // What is opening may hang on a network that is gone.
    dropAll(s)
    schedule(s, 0)
  } else if (carrier && setup.rungs[carrier.rung]?.duplex) {
    carrier.deadlineMs = Math.min(carrier.deadlineMs, now + wakeMs)
    s.effects.push({ type: 'ping', link: carrier.id })
  } else if (carrier) s.stale = true
  climb(s, wakeMs)
}

/** A link that is given up: by its deadline, or for its silence. */
const giveUp = (s: Draft, link: LinkView): void => {
  const { id, rung, purpose } = link
  const end: LinkEnd = { code: 'timeout' }
  drop(s, link)
  s.effects.push({ type: 'end', link: id, rung, purpose, end })
  onEnded(s, link, end)
}

const onTick = (s: Draft): void => {
  for (const link of s.links) if (link.deadlineMs <= s.now && s.links.includes(link)) giveUp(s, link)
  const carrier = carrierOf(s)
  if (Math.max(s.retryAtMs, s.notBeforeMs) <= s.now) startRound(s)
  if (carrier) {
    settle(s, carrier)
    climb(s)
  } else advance(s)
}

const onLinkEvent = (s: Draft, link: LinkView, event: LinkNews): void => {
  switch (event.type) {
    case 'end':
      onEnded(s, link, event.end)
      break
    case 'silent':
      giveUp(s, link)
      break
    case 'goodbye':
      if (event.retryAfterMs) holdOff(s, event.retryAfterMs)
      else if (link.phase === 'proven') {
        s.stale = true
        climb(s)
      }
      break
    case 'alive':
      if (link.phase === 'proven') link.deadlineMs = NEVER
      break
    case 'welcome':
      if (link.phase === 'opening') onWelcomed(s, link)
      break
    case 'proven':
      if (link.phase !== 'proven') onProven(s, link)
  }
}

const onEvent = (s: Draft, event: OwnNews): void => {
  switch (event.type) {
    case 'connect':
      if (s.name === 'idle') schedule(s, 0)
      else if (s.name === 'waiting') onWake(s, false)
      break
    case 'disconnect':
    case 'close':
      dropAll(s)
      s.failures = 0
      s.refused = false
      if (event.type === 'close') s.name = 'closed'
      break
    case 'tick':
      onTick(s)
      break
    case 'refresh':
      s.stale = carrierOf(s) !== undefined
      climb(s)
      break
    case 'signal':
      onWake(s, event.network)
  }
}

/**
 * The pure heart of the client: what happens, given what is and what came. Nothing given is changed; an event that means nothing here
 * returns the same state object. Events of a link that is gone are dropped here and nowhere else (R19).
 */
export const transition = (
  setup: ConnectionSetup,
  before: ConnectionState,
  event: ConnectionEvent,
): ConnectionState => {
  if (before.name === 'closed') return before
  const links = before.links.map((link) => ({ ...link }))
  const { now, random } = event
  const rungs = before.rungs.map((rung) => ({ ...rung }))
  const draft: Draft = { ...before, rungs, links, effects: [], now, random, setup }
  if ('link' in event) {
    const link = links.find((each) => each.id === event.link)
    if (!link) return before
    onLinkEvent(draft, link, event)
  } else onEvent(draft, event)
  return draft
}
