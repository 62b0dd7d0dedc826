import { carrierOf, connectDeadline, NEVER } from './connection-state.ts'
import type {
  ConnectionEvent,
  ConnectionNews,
  ConnectionSetup,
  ConnectionState,
  LinkNews,
  LinkView,
} from './connection-state.ts'
import { blame, pardon } from './ladder.ts'
import { demote, drop, dropAll, holdOff, inOrder, proceed, remove, restart, retry, schedule } from './rounds.ts'
import type { Draft } from './rounds.ts'

/** What each event says; what follows from it is done afterwards. A missing one does not compile. */
type Handlers = {
  readonly [News in ConnectionNews as News['type']]: (
    s: Draft,
    link: News extends LinkNews ? LinkView : undefined,
    news: News,
  ) => void
}

/** A link that is given up: by its deadline, or for its silence. */
const giveUp = (s: Draft, link: LinkView): void => {
  const news = { ...link, type: 'end', link: link.id, end: { code: 'timeout' } } as const
  drop(s, link)
  s.effects.push(news)
  HANDLERS.end(s, link, news)
}

const HANDLERS: Handlers = {
  connect(s) {
    if (s.name === 'idle' || s.name === 'waiting') restart(s)
  },
  disconnect(s) {
    dropAll(s)
    s.failures = 0
    s.refused = false
  },
  close(s, link, news) {
    HANDLERS.disconnect(s, link, news)
    s.name = 'closed'
  },
  tick(s, _, news) {
    const late = s.links.find((link) => link.deadlineMs <= s.now)
    if (!late) return
    giveUp(s, late)
    HANDLERS.tick(s, _, news)
  },
  refresh(s) {
    s.stale = carrierOf(s) ? NEVER : 0
  },
  /** The page woke or its network changed. A good link is asked, not dropped; a stream cannot be asked and is opened anew. */
  signal(s, _, { network }) {
    const carrier = carrierOf(s)
    const wakeMs = Math.max(s.timing.wakeMs, 4 * s.rttMs)
    if (network) s.rungs.forEach(pardon)
    // What is opening may hang on a network that is gone.
    if (s.name === 'waiting' || (network && s.name === 'connecting')) restart(s)
    else if (carrier?.record.duplex) {
      carrier.deadlineMs = Math.min(carrier.deadlineMs, s.now + wakeMs)
      s.effects.push({ type: 'ping', link: carrier.id })
    } else if (carrier) s.stale = wakeMs
  },
  end(s, link, { end }) {
    const { now, timing } = s
    const { record, rung, purpose } = link
    const cause = blame(end)
    remove(s, link)
    s.lastEnd = record.last = end
    holdOff(s, end.retryAfterMs ?? 0)
    const carrier = carrierOf(s)
    if (cause === 'auth' && purpose !== 'probe') {
      // One new token is tried, then only the application can help. Never a reason to change the transport.
      dropAll(s)
      s.refused = !s.refused
      if (s.refused) schedule(s, 0)
      else s.effects.push({ type: 'stop', end })
    } else if (link.phase === 'proven' || (carrier && purpose === 'replace' && cause !== 'server')) {
      // The carrying link is gone, or it works still but its transport does not open any more, and is not to be trusted.
      if (carrier) drop(s, carrier)
      // One that says of itself that it does not work here (holds that are cut) is demoted at once, for plain HTTP works.
      if (cause === 'transport') demote(s, record)
      // After a stable one, or one whose end was announced, everything races again. A young one counts as a failure, and
      // the next transport has its turn: short-lived links are no better than mute ones.
      if (cause === 'transport' || (carrier ?? link).sinceMs > now || s.notBeforeMs > now) schedule(s, 0)
      else {
        if (s.nextTry === rung) s.nextTry++
        retry(s)
        record.missed = true
      }
    } else if (carrier) {
      if (purpose === 'replace') {
        // The hub may be busy while the old link still works.
        s.stale = NEVER
        holdOff(s, timing.connectMs)
      } else if (purpose === 'probe') {
        // Tried again later; without a verdict when it was not its fault.
        if (cause === 'auth' || cause === 'server') record.untilMs = now + timing.probationMs
        else demote(s, record)
      }
    } else if (s.name === 'connecting') {
      if (cause === 'server') {
        // It is not the transport: those further down would fare no better, and nothing is held against what failed without a word (R16).
        s.retryAtMs = NEVER
        s.toStart = inOrder(s)
        for (const each of s.rungs) each.missed = false
      } else {
        record.missed = true
        // Plain HTTP fails: then the transports further down would fail too.
        if (rung < 0 && cause !== 'transport') s.retryAtMs = NEVER
        else if (rung >= 0 && s.retryAtMs < NEVER) {
          // A failed handshake hides its cause; the first read tells it, and is waited for as long as a head start.
          const hidden = record.duplex && end.code === 'failed' && s.links.some((each) => each.rung < 0)
          s.retryAtMs = Math.min(s.retryAtMs, now + (hidden ? Math.max(timing.headStartMs, s.rttMs) : 0))
        }
      }
    }
  },
  silent: giveUp,
  goodbye(s, { phase }, { retryAfterMs }) {
    if (retryAfterMs) holdOff(s, retryAfterMs)
    else if (phase === 'proven') s.stale = NEVER
  },
  alive(_, link) {
    if (link.phase === 'proven') link.deadlineMs = NEVER
  },
  welcome(s, link) {
    const { now, timing } = s
    if (link.phase !== 'open') return
    link.phase = 'welcome'
    s.rttMs = now - link.sinceMs
    link.deadlineMs =
      now + (link.record.proof === 'heartbeat' ? timing.secondFrameMs : timing.lateMs + connectDeadline(s, timing))
    // The first read has its answer: HTTP works, so a transport that failed was blocked, and the next one starts.
    if (link.rung < 0) remove(s, link)
    // A single try was answered, so the network is back: the better ones race along. But not after one died young, for
    // that one, or another like it, would be proven before this one and die again (docs/decisions/0002).
    if (s.toStart.length || s.name !== 'connecting' || s.rungs.some(({ missed }) => missed)) return
    s.toStart = inOrder(s).filter(({ place, untilMs }) => place < link.rung && untilMs <= now)
    if (s.toStart.length) s.retryAtMs = now
  },
  proven(s, link) {
    if (link.phase === 'proven') return
    const old = carrierOf(s)
    link.phase = 'proven'
    // A link that only brought new subscriptions does not start the clock of stability again.
    link.sinceMs = old?.rung === link.rung ? old.sinceMs : s.now
    link.deadlineMs = NEVER
    link.record.works = true
    s.name = 'online'
    s.refused = false
    for (const each of s.links) {
      // A better one still on its way may take over; everything else has done its work.
      if (each.rung >= link.rung && each !== link) drop(s, each)
      else if (each.rung >= 0) each.purpose = 'probe'
    }
    // Whatever it was opened for: now it is the one that is replaced.
    link.purpose = 'carry'
    for (const each of s.rungs.slice(0, link.rung)) if (each.missed) demote(s, each)
  },
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
  const { link } = event as Partial<LinkNews>
  const index = before.links.findIndex(({ id }) => id === link)
  if (before.name === 'closed' || (link !== undefined && index < 0)) return before
  // A deep copy, in which the records of the links are still those of the transports.
  const draft: Draft = { ...setup, ...structuredClone(before), ...event, effects: [] }
  const carrier = carrierOf(draft)
  if (carrier && draft.now >= carrier.sinceMs + setup.timing.stableMs) {
    // It has lived long enough: what was held against it and its transport is forgotten.
    carrier.sinceMs = NEVER
    draft.failures = 0
    draft.nextTry = carrier.rung
    pardon(carrier.record)
  }
  HANDLERS[event.type](draft, draft.links[index] as never, event as never)
  proceed(draft)
  return draft
}
