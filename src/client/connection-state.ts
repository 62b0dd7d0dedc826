import type { LinkEnd } from '../transports/transport.ts'
import { newRung } from './ladder.ts'
import type { Rung } from './ladder.ts'
import type { ClientState, LinkPurpose, TimingOptions } from './types.ts'

/** Never, as a time. */
export const NEVER = Infinity

/** What the connection knows of a link. `rung` is −1 for the first read, which belongs to no transport. */
export interface LinkView {
  readonly id: number
  readonly rung: number
  purpose: LinkPurpose
  /** The proven link carries traffic; there is one at most. */
  phase: 'opening' | 'welcomed' | 'proven'
  /** When it was opened; once proven, since when its transport carries. */
  sinceMs: number
  /** When it counts as failed unless something comes. */
  deadlineMs: number
}

/** Everything the next transition depends on. Transitions make a new one and leave the old one as it is. */
export interface ConnectionState {
  /** `connecting` while a round runs. */
  name: ClientState['name']
  /** The transports, in order of preference. */
  rungs: Rung[]
  links: LinkView[]
  nextLink: number
  /** Transports that the round has not started yet. */
  pending: readonly number[]
  /** When the round starts the next one; `NEVER`: when something else happens. */
  nextAtMs: number
  /** The first read of the round failed: plain HTTP does not work, or the hub says no. */
  httpDown: boolean
  /** Rounds that failed, and links that died young, in a row. */
  failures: number
  /** Starts of the newest rounds. */
  starts: readonly number[]
  /** When the next round starts, while waiting. */
  retryAtMs: number
  /** No attempt before (Retry-After, a goodbye). */
  notBeforeMs: number
  /** The carrying link is to be opened anew: it knows too little, or too long nothing was heard of it. */
  stale: boolean
  /** The next round races although earlier ones failed: a signal came, or the link was a good one. */
  race: boolean
  /** The transport that the next single try takes. */
  single: number
  /** The round trip as last measured, ms; 0 when it is not known. */
  rttMs: number
  /** The hub refused the token, and a new one is being tried. */
  refused: boolean
  lastEnd: LinkEnd
  /** What is to be done since the transition that made this state. */
  effects: Effect[]
}

/** An event without its time and chance. */
export type ConnectionNews = OwnNews | LinkNews

export type OwnNews =
  | { readonly type: 'connect' | 'disconnect' | 'close' | 'tick' }
  /** The subscriptions are not those that the carrying link was opened with. */
  | { readonly type: 'refresh' }
  /** A page signal; `network`: the network may be another one. */
  | { readonly type: 'signal'; readonly network: boolean }

export type LinkNews = { readonly link: number } & (
  | { readonly type: 'welcome' | 'proven' }
  /** `silent`: nothing came for too long. `alive`: something came while a deadline ran. */
  | { readonly type: 'alive' | 'silent' }
  | { readonly type: 'end'; readonly end: LinkEnd }
  | { readonly type: 'goodbye'; readonly retryAfterMs: number }
)

export type ConnectionEvent = { readonly now: number; readonly random: number } & ConnectionNews

export type Effect =
  | { readonly type: 'open'; readonly link: number; readonly rung: number; readonly purpose: LinkPurpose }
  | { readonly type: 'drop' | 'ping'; readonly link: number }
  /** A link was given up at its deadline; it was dropped already. */
  | {
      readonly type: 'end'
      readonly link: number
      readonly rung: number
      readonly purpose: LinkPurpose
      readonly end: LinkEnd
    }
  /** A verdict, and how long it holds. */
  | { readonly type: 'demote'; readonly rung: number; readonly ms: number }
  | { readonly type: 'wait'; readonly ms: number }
  /** Nothing helps but the application: the hub refused two tokens. */
  | { readonly type: 'stop'; readonly end: LinkEnd }

/** What does not change in the life of a client. */
export interface ConnectionSetup {
  readonly timing: TimingOptions
  /** Per transport: what it can do. */
  readonly rungs: readonly {
    readonly supported: boolean
    readonly duplex: boolean
    readonly proof: 'welcome' | 'heartbeat' | 'answer'
  }[]
  readonly sequential: boolean
  readonly firstRead: boolean
}

export const initialState = ({ rungs }: ConnectionSetup): ConnectionState => ({
  name: 'idle',
  rungs: rungs.map(({ supported }) => newRung(supported)),
  links: [],
  nextLink: 1,
  pending: [],
  nextAtMs: NEVER,
  failures: 0,
  starts: [],
  retryAtMs: NEVER,
  notBeforeMs: 0,
  httpDown: false,
  stale: false,
  race: true,
  single: 0,
  rttMs: 0,
  refused: false,
  lastEnd: { code: 'failed' },
  effects: [],
})

/** The link that carries traffic. */
export const carrierOf = ({ links }: ConnectionState): LinkView | undefined =>
  links.find((link) => link.phase === 'proven')

/** A second link of the carrying transport is on its way. */
export const isReplacing = ({ links }: ConnectionState): boolean => links.some((link) => link.purpose === 'replace')

/** Deadline for a welcome, ms: it fits the network, and doubles while nothing works at all (R8, N30). */
export const connectDeadline = ({ rttMs, failures }: ConnectionState, timing: TimingOptions): number =>
  Math.min(timing.maxBackoffMs, Math.max(timing.connectMs, 4 * rttMs) * 2 ** Math.min(failures, 9))

/** When the next `tick` is due. */
export const nextDue = (state: ConnectionState, timing: TimingOptions): number => {
  const { links, rungs, failures, notBeforeMs, stale } = state
  const carrier = carrierOf(state)
  const starts = Math.max(Math.min(state.retryAtMs, state.nextAtMs), notBeforeMs)
  const due = [starts, ...links.map((link) => link.deadlineMs)]
  if (carrier) {
    if (stale && !isReplacing(state)) due.push(notBeforeMs)
    if (failures || rungs[carrier.rung]?.demotions) due.push(carrier.sinceMs + timing.stableMs)
    // One probe at a time: while one runs, its own deadline is what counts.
    if (!links.some((link) => link.rung < carrier.rung)) {
      for (const rung of rungs.slice(0, carrier.rung)) if (rung.supported) due.push(Math.max(rung.untilMs, notBeforeMs))
    }
  }
  return Math.min(...due)
}
