import type { LinkEnd } from '../transports/transport.ts'
import { connectDeadline, NEVER, unsettled } from './connection-state.ts'
import type { ConnectionEvent, ConnectionSetup, ConnectionState, Effect, LinkView } from './connection-state.ts'
import { demoteRung, drop, dropAll, note, remove, replace, setLink, setRound, setRung } from './draft.ts'
import type { Draft } from './draft.ts'
import { blame, pardon, raceOrder } from './ladder.ts'
import type { Blame } from './ladder.ts'
import { advance, climb, lost, schedule, settle, startRound } from './rounds.ts'

/** What a transition gives: the next state and what is to be done. */
export interface Step {
  readonly state: ConnectionState
  readonly effects: readonly Effect[]
}

/** 401 or 403: one new token is tried, then only the application can help. Never a reason to change the transport. */
const onRefused = (d: Draft, end: LinkEnd): void => {
  const { s } = d
  dropAll(d)
  s.race = true
  s.refused = !s.refused
  if (s.refused) {
    schedule(d, 0)
    return
  }
  s.name = 'idle'
  note(d, 'stop', { end })
  d.effects.push({ type: 'stop', end })
}

/** A second link ended while another one carries traffic. */
const onSpareEnded = (d: Draft, link: LinkView, carrier: LinkView, cause: Blame): void => {
  const { s, now, setup } = d
  if (link.purpose !== 'replace') {
    if (link.rung >= 0) demoteRung(d, link.rung)
    climb(d)
  } else if (cause === 'server') {
    // The hub is busy; the old link still works and is watched like any other.
    s.replaceAtMs = Math.max(s.notBeforeMs, now + setup.timing.connectMs)
  } else {
    // The same transport does not open any more, so the old link is not to be trusted either.
    drop(d, carrier)
    lost(d, carrier)
  }
}

/** A link of the running round ended. */
const onTryEnded = (d: Draft, link: LinkView, end: LinkEnd, cause: Blame): void => {
  const { s, now, setup } = d
  const { round } = s
  if (!round) return
  if (link.rung < 0) {
    // Plain HTTP fails, or the hub says no: then the transports below the first would fail too.
    if (cause !== 'transport') setRound(d, { read: 'failed', nextAtMs: NEVER })
    else setRound(d, s.links.length ? { read: 'answered' } : { read: 'answered', nextAtMs: now })
  } else {
    const unexplained = round.read === 'pending' && end.code === 'failed' && setup.rungs[link.rung]?.duplex
    // A failed handshake hides its cause; the first read tells it, and is waited for as long as a head start.
    const nextAtMs = unexplained ? Math.min(round.nextAtMs, now + Math.max(setup.timing.headStartMs, s.rttMs)) : now
    const blocked = cause === 'server' || round.read === 'failed'
    setRound(d, { failed: [...round.failed, link.rung], nextAtMs: blocked ? NEVER : nextAtMs })
  }
  advance(d)
}

const onEnded = (d: Draft, link: LinkView, end: LinkEnd): void => {
  const { s } = d
  const { carrier } = s
  const cause = blame(end)
  remove(d, link)
  note(d, 'end', { link, rung: link.rung, end })
  s.lastEnd = end
  if (end.retryAfterMs !== undefined) s.notBeforeMs = Math.max(s.notBeforeMs, d.now + end.retryAfterMs)
  setRung(d, link.rung, (rung) => ({ ...rung, last: end }))
  if (cause === 'auth' && link.purpose !== 'probe') onRefused(d, end)
  else if (carrier?.id === link.id) lost(d, link)
  else if (carrier) onSpareEnded(d, link, carrier, cause)
  else onTryEnded(d, link, end, cause)
}

const onWelcomed = (d: Draft, link: LinkView): void => {
  const { s, now, setup } = d
  const { timing } = setup
  s.rttMs = now - link.sinceMs
  s.dark = 0
  note(d, 'welcome', { link, rung: link.rung, ms: s.rttMs })
  if (link.rung < 0) {
    // The first read has its answer: HTTP works, so a transport that failed was blocked, and the next one starts.
    remove(d, link)
    setRound(d, s.links.length ? { read: 'answered' } : { read: 'answered', nextAtMs: now })
    if (!s.carrier) advance(d)
    return
  }
  const { proof } = setup.rungs[link.rung] ?? {}
  const waitMs = proof === 'heartbeat' ? timing.secondFrameMs : proof === 'answer' ? timing.lateMs + connectDeadline(s, timing) : NEVER
  setLink(d, link, { phase: 'welcomed', deadlineMs: now + waitMs })
  const { round } = s
  if (s.carrier || !round || round.pending.length > 0) return
  // A single try was answered, so the network is back: the better ones race along.
  const better = raceOrder(s.rungs, now).filter(
    (rung) => rung < link.rung && !round.failed.includes(rung) && (s.rungs[rung]?.untilMs ?? 0) <= now,
  )
  if (better.length === 0 || s.links.some((each) => each.rung < link.rung)) return
  setRound(d, { pending: better, nextAtMs: now })
  advance(d)
}

const onProven = (d: Draft, link: LinkView): void => {
  const { s, now, setup } = d
  const old = s.carrier
  const failed = s.round?.failed ?? []
  // A link that only brought new subscriptions does not start the clock of stability again.
  const sinceMs = old?.rung === link.rung ? old.sinceMs : now
  const carrier = setLink(d, link, { phase: 'proven', sinceMs, deadlineMs: NEVER })
  s.carrier = carrier
  s.name = 'online'
  s.round = null
  s.refused = false
  s.retryAtMs = NEVER
  setRung(d, link.rung, (rung) => ({ ...rung, proven: true }))
  note(d, 'proven', { link: carrier, rung: link.rung })
  for (const each of s.links) {
    if (each.id === link.id || each.rung < 0) continue
    // A better one still on its way may take over; everything else has done its work.
    if (each.rung < link.rung && each.phase !== 'proven') {
      setLink(d, each, { purpose: 'probe', deadlineMs: Math.max(each.deadlineMs, each.sinceMs + setup.timing.probeMs) })
    } else drop(d, each)
  }
  s.rungs.forEach((rung, index) => {
    if (index < link.rung && (failed.includes(index) || rung.young > 1)) demoteRung(d, index)
  })
  climb(d)
}

/** The page woke or its network changed. A good link is asked, not dropped; a stream cannot be asked and is opened anew. */
const onWake = (d: Draft, network: boolean): void => {
  const { s, now, setup } = d
  const { carrier } = s
  if (network) s.rungs = s.rungs.map(pardon)
  if (s.name === 'waiting') {
    s.race = true
    schedule(d, 0)
  } else if (carrier) {
    const wakeMs = Math.max(setup.timing.wakeMs, 4 * s.rttMs)
    if (setup.rungs[carrier.rung]?.duplex) {
      setLink(d, carrier, { deadlineMs: Math.min(carrier.deadlineMs, now + wakeMs) })
      d.effects.push({ type: 'ping', link: carrier.id })
    } else replace(d, wakeMs)
    climb(d)
  }
}

/** A link that is given up: by its deadline, or for its silence. */
const giveUp = (d: Draft, link: LinkView): void => {
  d.effects.push({ type: 'drop', link: link.id })
  onEnded(d, link, { code: 'timeout' })
}

const onTick = (d: Draft): void => {
  const { s, now } = d
  for (const link of s.links) {
    if (link.deadlineMs <= now && s.links.includes(link)) giveUp(d, link)
  }
  if (s.name === 'waiting') {
    if (s.retryAtMs <= now) startRound(d)
  } else if (s.carrier) {
    if (unsettled(s, s.carrier) && now - s.carrier.sinceMs >= d.setup.timing.stableMs) settle(d, s.carrier.rung)
    if (s.replaceAtMs <= now) replace(d)
    climb(d)
  } else advance(d)
}

const react = (d: Draft, event: ConnectionEvent): void => {
  const { s, now } = d
  const link = 'link' in event ? s.links.find((each) => each.id === event.link) : undefined
  switch (event.type) {
    case 'connect':
      if (s.name === 'idle') schedule(d, 0)
      else if (s.name === 'waiting') onWake(d, false)
      break
    case 'disconnect':
    case 'close':
      dropAll(d)
      s.failures = 0
      s.race = true
      s.refused = false
      s.name = event.type === 'close' ? 'closed' : 'idle'
      break
    case 'tick':
      onTick(d)
      break
    case 'refresh':
      if (s.replaceAtMs === NEVER) replace(d)
      break
    case 'wake':
      note(d, 'signal')
      onWake(d, event.network)
      break
    default:
      // Events of a link that is gone are dropped here and nowhere else (R19).
      if (!link) break
      if (event.type === 'ended') onEnded(d, link, event.end)
      else if (event.type === 'silent') {
        note(d, 'silent', { link, rung: link.rung })
        giveUp(d, link)
      } else if (event.type === 'goodbye') {
        note(d, 'goodbye', { link, rung: link.rung, ms: event.retryAfterMs })
        if (event.retryAfterMs > 0) s.notBeforeMs = Math.max(s.notBeforeMs, now + event.retryAfterMs)
        else if (link.id === s.carrier?.id) replace(d)
      } else if (event.type === 'alive') {
        if (link.phase === 'proven') setLink(d, link, { deadlineMs: NEVER })
      } else if (event.type === 'welcomed') {
        if (link.phase === 'opening') onWelcomed(d, link)
      } else if (link.phase !== 'proven') onProven(d, link)
  }
}

/**
 * The pure heart of the client: what happens, given what is and what came. A no-op returns the same state object; after `close`
 * everything is one.
 */
export const transition = (setup: ConnectionSetup, state: ConnectionState, event: ConnectionEvent): Step => {
  const d: Draft = { s: { ...state }, effects: [], setup, now: event.now, random: event.random }
  if (state.name !== 'closed') react(d, event)
  const keys = Object.keys(state) as (keyof ConnectionState)[]
  const changed = keys.some((key) => d.s[key] !== state[key])
  return { state: changed ? d.s : state, effects: d.effects }
}
