import type { LinkEnd } from '../transports/transport.ts'
import { newRung } from './ladder.ts'
import type { Ability, Rung } from './ladder.ts'
import type { ClientState, LinkPurpose, TimingOptions } from './types.ts'

/** Never, as a time. */
export const NEVER = Infinity

/** What the connection knows of a link. `rung` is −1 for the first read, which belongs to no transport. */
export interface LinkView {
  readonly id: number
  readonly rung: number
  /** The same as what is known of it. */
  readonly record: Rung
  purpose: LinkPurpose
  /** The proven link carries traffic; there is one at most. */
  phase: 'open' | 'welcome' | 'proven'
  /** When it was opened; once proven, since when its transport carries; `NEVER` once that is long enough. */
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
  /** What the round has not started yet. While waiting, none means that all of them race. */
  toStart: readonly Rung[]
  /** When the next link is opened, whatever for, or more is known of the carrying one; `NEVER`: when something else happens. */
  retryAtMs: number
  /** No attempt before (Retry-After, a goodbye). */
  notBeforeMs: number
  /** Rounds that failed, and links that died young, in a row. */
  failures: number
  /** Starts of the newest rounds. */
  starts: readonly number[]
  /** The place from which the next single try takes its transport: after the latest one, or the one that was stable last. */
  nextTry: number
  /** The carrying link is to be opened anew, for it knows too little or nothing was heard of it: ms that this may take; else 0. */
  stale: number
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

/** The time and chance of an event. */
export interface Moment {
  readonly now: number
  readonly random: number
}

export type ConnectionEvent = Moment & ConnectionNews

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
  readonly abilities: readonly Ability[]
  readonly sequential: boolean
  readonly firstRead: boolean
}

export const initialState = ({ abilities }: ConnectionSetup): ConnectionState => ({
  name: 'idle',
  rungs: abilities.map(newRung),
  links: [],
  nextLink: 1,
  toStart: [],
  retryAtMs: NEVER,
  notBeforeMs: 0,
  failures: 0,
  starts: [],
  nextTry: 1,
  stale: 0,
  rttMs: 0,
  refused: false,
  lastEnd: { code: 'failed' },
  effects: [],
})

/** The link that carries traffic. */
export const carrierOf = ({ links }: ConnectionState): LinkView | undefined =>
  links.find((link) => link.phase === 'proven')

/** Deadline for a welcome, ms: it fits the network, and doubles while nothing works at all (R8, N30). */
export const connectDeadline = ({ rttMs, failures }: ConnectionState, timing: TimingOptions): number =>
  Math.min(timing.maxBackoffMs, Math.max(timing.connectMs, 4 * rttMs) * 2 ** failures)

/** When the next `tick` is due. */
export const nextDue = ({ links, retryAtMs }: ConnectionState): number =>
  Math.min(retryAtMs, ...links.map((link) => link.deadlineMs))
