import type { HoldfastError } from '../base/errors.ts'
import type { ChannelRequest, GapFrame, Run, Start, WireMessage } from '../protocol/frames.ts'
import { formatPosition, parsePosition, samePlace } from '../protocol/position.ts'
import type { Place } from '../protocol/position.ts'
import type { Gap, Message } from './types.ts'

/** Runs kept for a subscription that reads what lies before them; more are dropped and read again. */
const MAX_HELD = 256

/** A run with its places taken apart. */
interface Span {
  readonly after: Place
  readonly messages: readonly WireMessage[]
}

/** One subscription: a position that moves. The public object and the iterator are made around it. */
export interface Sub {
  readonly channel: string
  /** The start word, until the first answer fixes the position. */
  start: Start | null
  position: Place | null
  name: 'pending' | 'live' | 'ended'
  /** It has to read from its own position: a late start, a hole, a buffer that was full. */
  behind: boolean
  /** Its buffer is full: nothing is handed over, it reads on from the log later. */
  paused: boolean
  /** Runs that came while it was behind. */
  held: Span[]
  /** Messages older than this hub time are history. */
  sinceMs: number
  /** Most messages of one page, when its buffer is small. */
  readonly limit: number | undefined
  readonly message: (message: Message) => void
  readonly gap: (gap: Gap) => void
  /** The start is fixed, or a given position was accepted. */
  readonly started: () => void
  readonly ended: (error: HoldfastError | null) => void
}

/** One channel request of one link, and what came of it. */
export interface Ask {
  readonly channel: string
  readonly ref: number
  readonly from: Start
  readonly limit: number | undefined
  /** Those whose start the answer fixes. */
  readonly subs: readonly Sub[]
  /** The first frame with the `ref` has come (PROTOCOL.md §3.8). */
  open: boolean
  /** Where the link stands in the channel. */
  at: Place | null
}

export const requestOf = ({ channel, from, ref, limit }: Ask): ChannelRequest => ({
  channel,
  from,
  ref,
  ...(limit === undefined ? {} : { limit }),
})

export interface Registry {
  readonly size: number
  channels(): IterableIterator<string>
  has(channel: string): boolean
  add(sub: Sub): void
  remove(sub: Sub, error: HoldfastError | null): void
  /** Where the channel's live subscriptions stand; null when none does. */
  lead(channel: string): Place | null
  /** Fixes the start of a subscription at a place that others have. */
  join(sub: Sub, place: Place, hubMs: number): void
  /** This subscription, or all of the channel that have no link, read for themselves. */
  late(channel: string, sub?: Sub): void
  /** A publish to this channel has to wait for the start of an own subscription (model 1.6). */
  starting(channel: string): boolean
  /** What a link asks to serve the channel from now on. */
  ask(channel: string): Ask
  /** What a read of their own asks for the subscriptions that are behind. */
  catchUps(): Ask[]
  /** True when something was taken or fixed. */
  run(ask: Ask, frame: Run, hubMs: number): boolean
  gap(ask: Ask, frame: GapFrame): boolean
  /** Whoever was behind and has what the read brought joins the others again. */
  rejoin(ask: Ask): boolean
  refuse(channel: string, error: HoldfastError): void
  endAll(error: HoldfastError | null): void
}

export interface RegistryEnv {
  /** Tag of this client's own messages; empty while unknown. */
  own(): string
  /** Somebody is behind now. */
  behind(): void
}

const isAhead = (place: Place, than: Place): boolean => place.epoch !== than.epoch || place.offset > than.offset

/** Subscriptions, their positions, and the rule by which a run is taken (PROTOCOL.md §3.6–3.9). */
export const createRegistry = (env: RegistryEnv): Registry => {
  const entries = new Map<string, Sub[]>()
  let nextRef = 1

  const subsOf = (channel: string): readonly Sub[] => entries.get(channel) ?? []

  const newAsk = (channel: string, lead: Sub | undefined, subs: readonly Sub[]): Ask => ({
    channel,
    ref: nextRef++,
    from: lead?.position ? { after: formatPosition(lead.position) } : (lead?.start ?? 'latest'),
    limit: lead?.limit,
    subs,
    open: false,
    at: null,
  })

  const fallBehind = (sub: Sub): void => {
    if (sub.behind) return
    sub.behind = true
    env.behind()
  }

  const goLive = (sub: Sub): void => {
    if (sub.name !== 'pending') return
    sub.name = 'live'
    sub.started()
  }

  const fix = (sub: Sub, place: Place, hubMs: number): void => {
    sub.start = null
    sub.position = place
    sub.sinceMs = hubMs
    goLive(sub)
  }

  /** Hands over what follows the position; the position moves before each listener is called (R15). */
  const handOver = (sub: Sub, epoch: string, messages: readonly WireMessage[]): void => {
    for (const { offset, id, timeMs, data, sender, publisher } of messages) {
      if (sub.name === 'ended' || sub.paused) return
      sub.position = { epoch, offset, id }
      sub.message({
        type: 'message',
        channel: sub.channel,
        data,
        id,
        offset,
        position: formatPosition(sub.position),
        timeMs,
        replayed: timeMs < sub.sinceMs,
        own: publisher !== undefined && publisher === env.own(),
        sender,
      })
    }
  }

  /** `hole` when the run does not connect to the position. */
  const take = (sub: Sub, at: Place, { after, messages }: Span): 'taken' | 'old' | 'hole' => {
    let from = 0
    if (!samePlace(after, at)) {
      if (isAhead(after, at) || after.offset === at.offset) return 'hole'
      const index = messages.findIndex((message) => message.offset >= at.offset)
      const known = messages[index]
      if (!known) return 'old'
      if (known.offset !== at.offset || known.id !== at.id) return 'hole'
      from = index + 1
    }
    goLive(sub)
    handOver(sub, after.epoch, from ? messages.slice(from) : messages)
    return 'taken'
  }

  const hold = (sub: Sub, span: Span): void => {
    sub.held.push(span)
    if (sub.held.length > MAX_HELD) sub.held.shift()
    fallBehind(sub)
  }

  /** False: a frame that answers an earlier request of the link. */
  const opens = (ask: Ask, ref: number | undefined): boolean => (ask.open ||= ref === ask.ref)

  return {
    get size() {
      return entries.size
    },
    channels: () => entries.keys(),
    has: (channel) => entries.has(channel),
    add(sub) {
      entries.set(sub.channel, [...subsOf(sub.channel), sub])
    },
    remove(sub, error) {
      if (sub.name === 'ended') return
      sub.name = 'ended'
      sub.held = []
      const rest = subsOf(sub.channel).filter((each) => each !== sub)
      if (rest.length) entries.set(sub.channel, rest)
      else entries.delete(sub.channel)
      sub.ended(error)
    },
    lead: (channel) =>
      subsOf(channel).find((sub) => sub.name === 'live' && !sub.behind && !sub.paused)?.position ?? null,
    join(sub, place, hubMs) {
      fix(sub, place, hubMs)
    },
    late(channel, only) {
      for (const sub of only ? [only] : subsOf(channel)) sub.behind = true
      // Also for one that was behind already: it may have been paused when the last read ended.
      env.behind()
    },
    starting: (channel) => subsOf(channel).some((sub) => sub.name === 'pending'),
    ask(channel) {
      const subs = subsOf(channel)
      const lead =
        subs.find((sub) => sub.position && !sub.behind && !sub.paused) ?? subs.find((sub) => sub.position) ?? subs[0]
      const word = JSON.stringify(lead?.start)
      // Those with another start word than the first read for themselves.
      for (const sub of subs) if (sub.start && JSON.stringify(sub.start) !== word) fallBehind(sub)
      return newAsk(channel, lead, lead?.start ? subs.filter((sub) => sub.start && !sub.behind) : [])
    },
    catchUps() {
      const asks: Ask[] = []
      for (const [channel, subs] of entries) {
        const sub = subs.find((each) => each.behind && !each.paused)
        if (sub) asks.push(newAsk(channel, sub, [sub]))
      }
      return asks
    },
    run(ask, frame, hubMs) {
      const after = frame.after === undefined ? ask.at : parsePosition(frame.after)
      if (!opens(ask, frame.ref) || !after) return false
      const { messages } = frame
      const last = messages[messages.length - 1]
      ask.at = last ? { epoch: after.epoch, offset: last.offset, id: last.id } : after
      let moved = false
      for (const sub of ask.subs) {
        if (!sub.start || sub.name === 'ended') continue
        fix(sub, after, hubMs)
        moved = true
      }
      const span = { after, messages }
      for (const sub of subsOf(ask.channel)) {
        if (!sub.position || sub.paused) continue
        const before = sub.position
        if (take(sub, before, span) === 'hole') hold(sub, span)
        moved ||= sub.position !== before
      }
      return moved
    },
    gap(ask, frame) {
      const from = parsePosition(frame.from)
      const to = parsePosition(frame.to)
      if (!opens(ask, frame.ref) || !from || !to) return false
      ask.at = to
      let moved = false
      for (const sub of subsOf(ask.channel)) {
        if (!sub.position || sub.paused) continue
        if (samePlace(sub.position, from)) {
          sub.position = to
          goLive(sub)
          moved = true
          const { channel, reason } = frame
          sub.gap({ type: 'gap', channel, from: frame.from, to: frame.to, reason })
        } else if (isAhead(to, sub.position)) fallBehind(sub)
      }
      return moved
    },
    rejoin(ask) {
      let any = false
      for (const sub of subsOf(ask.channel)) {
        if (!sub.behind || !sub.position || !ask.at) continue
        sub.held = sub.held.filter((span) => sub.position && take(sub, sub.position, span) === 'hole')
        if (sub.held.length || isAhead(ask.at, sub.position)) continue
        sub.behind = false
        any = true
      }
      return any
    },
    refuse(channel, error) {
      for (const sub of subsOf(channel)) this.remove(sub, error)
    },
    endAll(error) {
      for (const channel of [...entries.keys()]) {
        for (const sub of subsOf(channel)) this.remove(sub, error)
      }
    },
  }
}
