import type { HoldfastError } from '../base/errors.ts'
import type { GapFrame, Run, Start, Welcome, WireMessage } from '../protocol/frames.ts'
import { formatPosition, parsePosition, samePlace } from '../protocol/position.ts'
import type { Place } from '../protocol/position.ts'
import type { Emitter } from './emitter.ts'
import type { Message, SubscriptionEvents, SubscriptionState } from './types.ts'

/** Runs kept for a subscription that reads what lies before them; more are dropped and read again. */
const MAX_HELD = 256

/** A run with its places taken apart. */
interface Span {
  readonly after: Place
  readonly messages: readonly WireMessage[]
}

export interface SubEvents extends SubscriptionEvents<string> {
  message: Message
}

/** One subscription: a position that moves. The public object and the iterator are made around it. */
export interface Sub {
  readonly channel: string
  /** The start word, until the first answer fixes the position; of a page of history beside the position it is before. */
  start: Start | null
  position: Place | null
  state: SubscriptionState
  /** It has to read from its own position: a late start, a hole, a buffer that was full. */
  behind: boolean
  /** Its buffer is full: nothing is handed over, it reads on from the log later. */
  paused: boolean
  /** Runs that came while it was behind. */
  held: Span[]
  /** Messages older than this hub time are history. */
  sinceMs: number
  /** Most messages of one page, when its buffer is small. */
  readonly limit?: number | undefined
  readonly emit: Emitter<SubEvents>['emit']
  /** The position moved over a gap. What is newest follows, of a channel that is no log. */
  readonly moved?: () => void
  /** It has everything that there was when it was asked for. */
  readonly caughtUp?: () => void
}

/** A subscription that has nothing yet. */
export const newSub = (facts: Pick<Sub, 'channel' | 'start' | 'position' | 'emit'> & Partial<Sub>): Sub => ({
  state: { name: 'pending' },
  behind: false,
  paused: false,
  held: [],
  sinceMs: 0,
  ...facts,
})

/** One channel request of one link, and what came of it. */
export interface Ask {
  readonly channel: string
  readonly ref: number
  readonly from: Start
  readonly limit: number | undefined
  /** The one that reads for itself; null where a link serves the channel. */
  readonly only: Sub | null
  /** Where the link stands in the channel; null before the first frame with the `ref` (PROTOCOL.md §3.8). */
  at: Place | null
  /** The newest run was not followed by more. */
  done: boolean
  /** A subscription has moved by it. */
  moved: boolean
}

/** In JSON what is undefined is left out. */
export const requestOf = ({ channel, from, ref, limit }: Ask): object => ({ channel, from, ref, limit })

export interface Registry {
  channels(): IterableIterator<string>
  has(channel: string): boolean
  add(sub: Sub): void
  remove(sub: Sub, error: HoldfastError | null): void
  /** This subscription, or all of the channel because their link does not serve it, read for themselves. */
  late(channel: string, only?: Sub): void
  /** A publish to this channel has to wait for the start of an own subscription (model 1.6). */
  starting(channel: string): boolean
  /** What a link asks to serve the channel from now on. */
  ask(channel: string): Ask
  /** What a read of their own asks for the subscriptions that are behind. */
  catchUps(): Ask[]
  run(ask: Ask, frame: Run): void
  gap(ask: Ask, frame: GapFrame): void
  /** Ends the channel's subscriptions, or all. */
  end(error: HoldfastError | null, channel?: string): void
}

/** What the registry needs to know: whose messages are own, what is history, and whether links serve the channels. */
export interface RegistryEnv {
  catchUpMs: number
  readonly hub: Pick<Welcome, 'publisher' | 'timeMs'> | undefined
  /** Links that are open did not ask for a new subscription. */
  readonly sessions: ReadonlyMap<number, unknown>
  /** With one, live subscriptions miss nothing. */
  readonly carrier: object | undefined
}

const isAhead = (place: Place, than: Place): boolean => place.epoch !== than.epoch || place.offset > than.offset

/** The start is fixed, a given position was accepted, or it has ended. */
const become = (sub: Sub, state: SubscriptionState): void => {
  sub.state = state
  sub.emit('state', state)
}

const isLive = (sub: Sub): sub is Sub & { position: Place } => !!sub.position && !sub.behind && !sub.paused

/** Subscriptions, their positions, and the rule by which a run is taken (PROTOCOL.md §3.6–3.9). */
export const createRegistry = (live: RegistryEnv): Registry => {
  /** A loop over a set goes on with what a listener adds to it meanwhile, and leaves out what it takes away. */
  const entries = new Map<string, Set<Sub>>()
  let nextRef = 1

  const subsOf = (channel: string): Set<Sub> => entries.get(channel) ?? new Set()

  const newAsk = (channel: string, lead: Sub | undefined, only: Sub | null): Ask => ({
    channel,
    ref: nextRef++,
    from: lead?.start ?? (lead?.position ? { after: formatPosition(lead.position) } : 'latest'),
    limit: lead?.limit,
    only,
    at: null,
    done: false,
    moved: false,
  })

  const fallBehind = (sub: Sub): void => {
    if (!sub.behind) live.catchUpMs = 0
    sub.behind = true
  }

  /** Moves the position; the first time it makes the subscription live. */
  const moveTo = (sub: Sub, place: Place): void => {
    sub.position = place
    if (sub.state.name !== 'pending') return
    become(sub, { name: 'live' })
  }

  const fix = (sub: Sub, place: Place): void => {
    sub.start = null
    sub.sinceMs ||= live.hub?.timeMs ?? 0
    moveTo(sub, place)
  }

  /** Takes what follows the position; false when the run does not connect to it. */
  const connects = (sub: Sub, { after, messages }: Span): boolean => {
    const at = sub.position
    if (!at) return true
    if (!samePlace(after, at)) {
      if (isAhead(after, at) || after.offset === at.offset) return false
      const known = messages.find(({ offset }) => offset >= at.offset)
      if (!known) return true
      if (!samePlace({ ...known, epoch: at.epoch }, at)) return false
    }
    moveTo(sub, at)
    let last = at.offset
    for (const { offset, id, timeMs, data, sender, publisher } of messages) {
      // What it has already is dropped; so is what comes in no order.
      if (sub.state.name === 'ended' || sub.paused || offset <= last) continue
      // The position moves before the listener is called (R15).
      sub.position = { epoch: after.epoch, offset, id }
      last = offset
      sub.emit('message', {
        type: 'message',
        channel: sub.channel,
        data,
        id,
        offset,
        position: formatPosition(sub.position),
        timeMs,
        replayed: timeMs < sub.sinceMs,
        own: publisher === live.hub?.publisher,
        sender,
      })
    }
    return true
  }

  /** Takes the run, or keeps it until what lies before it was read. */
  const take = (sub: Sub, span: Span): void => {
    if (!connects(sub, span)) {
      sub.held.push(span)
      if (sub.held.length > MAX_HELD) sub.held.shift()
      fallBehind(sub)
    } else if (sub.held.length) sub.held = sub.held.filter((held) => !connects(sub, held))
  }

  /** False: a frame that answers an earlier request of the link. */
  const answers = (ask: Ask, ref: number | undefined): boolean => !!ask.at || ref === ask.ref

  return {
    channels: () => entries.keys(),
    has: (channel) => entries.has(channel),
    add(sub) {
      const { channel } = sub
      const subs = subsOf(channel)
      const lead = sub.start === 'latest' && [...subs].filter((other) => other.state.name === 'live').find(isLive)
      entries.set(channel, subs.add(sub))
      if (lead && live.carrier) fix(sub, lead.position)
      else if ((subs.size > 1 && live.sessions.size) || lead) this.late(channel, sub)
    },
    remove(sub, error) {
      if (sub.state.name === 'ended') return
      const { channel } = sub
      const subs = subsOf(channel)
      subs.delete(sub)
      if (!subs.size) entries.delete(channel)
      sub.held = []
      become(sub, { name: 'ended', error })
    },
    late(channel, only) {
      for (const sub of only ? [only] : subsOf(channel)) sub.behind = true
      // Also for one that was behind already: it may have been paused when the last read ended.
      live.catchUpMs = 0
    },
    starting: (channel) => [...subsOf(channel)].some((sub) => sub.state.name === 'pending'),
    ask(channel) {
      const subs = [...subsOf(channel)]
      const lead = subs.find(isLive) ?? subs.find((sub) => sub.position) ?? subs[0]
      const word = JSON.stringify(lead?.start)
      // Those with another start word than the first read for themselves.
      for (const sub of subs) if (sub.start && JSON.stringify(sub.start) !== word) fallBehind(sub)
      return newAsk(channel, lead, null)
    },
    catchUps: () =>
      [...entries].flatMap(([channel, subs]) => {
        const sub = [...subs].find((each) => each.behind && !each.paused)
        return sub ? [newAsk(channel, sub, sub)] : []
      }),
    run(ask, { after, ref, messages, more }) {
      const at = after === undefined ? ask.at : parsePosition(after)
      if (!answers(ask, ref) || !at) return
      const { offset, id } = messages.at(-1) ?? at
      ask.at = { epoch: at.epoch, offset, id }
      ask.done = !more
      for (const sub of subsOf(ask.channel)) {
        const before = sub.position
        if (sub.start && (ask.only ? sub === ask.only : !sub.behind)) fix(sub, at)
        if (sub.start) continue
        if (!sub.paused) take(sub, { after: at, messages })
        ask.moved ||= sub.position !== before
        if (!ask.done || !sub.position) continue
        if (ask.only) {
          // The last page: whoever has all of it is one of the others again. What was held and still does not connect is of
          // another life or branch of the log; if it is not, the next read brings it.
          if (!sub.held.length && !isAhead(ask.at, sub.position)) {
            ask.moved ||= sub.behind
            sub.behind = false
          }
          sub.held = []
        }
        // Not by a link that is not so far.
        if (sub.caughtUp && samePlace(ask.at, sub.position)) sub.caughtUp()
      }
    },
    gap(ask, { channel, from, to, ref, reason, kind }) {
      const [start, end] = [parsePosition(from), parsePosition(to)]
      if (!answers(ask, ref) || !start || !end) return
      ask.at = end
      for (const sub of subsOf(channel)) {
        if (!sub.position || sub.paused) continue
        if (samePlace(sub.position, start)) {
          moveTo(sub, end)
          ask.moved = true
          sub.moved?.()
          // Of a channel that is no log nothing is missing: the newest of it follows (§3.13), but of no page (§3.17).
          if (!kind || sub.start) sub.emit('gap', { type: 'gap', channel, from, to, reason })
        } else if (isAhead(end, sub.position)) fallBehind(sub)
      }
    },
    end(error, only) {
      // Not one who comes while they are told.
      for (const [channel, subs] of [...entries])
        if (channel === (only ?? channel)) for (const sub of [...subs]) this.remove(sub, error)
    },
  }
}
