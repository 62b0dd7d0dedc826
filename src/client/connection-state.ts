import type { LinkEnd } from '../transports/transport.ts'
import { newRung } from './ladder.ts'
import type { Rung } from './ladder.ts'
import type { ClientState, FactKind, LinkPurpose, TimingOptions } from './types.ts'

/** Never, as a time. */
export const NEVER = Infinity

/** What the connection knows of a link. `rung` is −1 for the first read, which belongs to no transport. */
export interface LinkView {
  readonly id: number
  readonly rung: number
  readonly purpose: LinkPurpose
  readonly phase: 'opening' | 'welcomed' | 'proven'
  readonly sinceMs: number
  /** When it counts as failed unless something comes. */
  readonly deadlineMs: number
}

/** One race, or one single try of a later round. */
export interface Round {
  /** Transports not started yet. */
  readonly pending: readonly number[]
  /** When the next one starts; `NEVER`: when something else happens. */
  readonly nextAtMs: number
  readonly read: 'none' | 'pending' | 'answered' | 'failed'
  /** Transports that failed in this round; they are demoted if another one works. */
  readonly failed: readonly number[]
}

export interface ConnectionState {
  readonly name: ClientState['name']
  /** The transports, in order of preference. */
  readonly rungs: readonly Rung[]
  readonly links: readonly LinkView[]
  /** The link that carries traffic; one of `links`. */
  readonly carrier: LinkView | null
  readonly round: Round | null
  readonly nextLink: number
  /** Rounds that failed, and links that died young, in a row. */
  readonly failures: number
  /** Starts of the newest rounds. */
  readonly starts: readonly number[]
  /** When the next round starts, while waiting. */
  readonly retryAtMs: number
  /** No attempt before (Retry-After, a goodbye). */
  readonly notBeforeMs: number
  /** When the carrying link is opened anew after a first try of that failed. */
  readonly replaceAtMs: number
  /** The next round races although earlier ones failed (a signal came, or the link was a good one). */
  readonly race: boolean
  /** The transport that the next single try takes. */
  readonly single: number
  /** The round trip as last measured, ms; 0 when it is not known. */
  readonly rttMs: number
  /** Rounds without any welcome, in a row: each doubles the connect deadline. */
  readonly dark: number
  /** The hub refused the token, and a new one is being tried. */
  readonly refused: boolean
  readonly lastEnd: LinkEnd | null
}

export type ConnectionEvent = { readonly now: number; readonly random: number } & ConnectionNews

/** An event without its time and chance. */
export type ConnectionNews =
  | { readonly type: 'connect' | 'disconnect' | 'close' | 'tick' }
  /** The subscriptions are not those that the carrying link was opened with. */
  | { readonly type: 'refresh' }
  /** A page signal; `network`: the network may be another one. */
  | { readonly type: 'wake'; readonly network: boolean }
  /** `silent`: nothing came for too long. `alive`: something came while a deadline ran. */
  | { readonly type: 'welcomed' | 'proven' | 'alive' | 'silent'; readonly link: number }
  | { readonly type: 'ended'; readonly link: number; readonly end: LinkEnd }
  | { readonly type: 'goodbye'; readonly link: number; readonly retryAfterMs: number }

export type Effect =
  | { readonly type: 'open'; readonly link: number; readonly rung: number; readonly purpose: LinkPurpose }
  | { readonly type: 'drop'; readonly link: number }
  | { readonly type: 'ping'; readonly link: number }
  /** Nothing helps but the application: the hub refused two tokens. */
  | { readonly type: 'stop'; readonly end: LinkEnd }
  | Note

/** A fact for `explain()`. */
export interface Note {
  readonly type: 'note'
  readonly kind: FactKind
  readonly link?: LinkView | undefined
  readonly rung?: number | undefined
  readonly end?: LinkEnd | undefined
  readonly ms?: number | undefined
}

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

export const initialState = (setup: ConnectionSetup): ConnectionState => ({
  name: 'idle',
  rungs: setup.rungs.map((rung) => newRung(rung.supported)),
  links: [],
  carrier: null,
  round: null,
  nextLink: 1,
  failures: 0,
  starts: [],
  retryAtMs: NEVER,
  notBeforeMs: 0,
  replaceAtMs: NEVER,
  race: true,
  single: 0,
  rttMs: 0,
  dark: 0,
  refused: false,
  lastEnd: null,
})

/** Deadline for a welcome, ms: it fits the network, and doubles while nothing works at all (R8, N30). */
export const connectDeadline = ({ rttMs, dark }: ConnectionState, timing: TimingOptions): number =>
  Math.min(timing.maxBackoffMs, Math.max(timing.connectMs, 4 * rttMs) * 2 ** Math.min(dark, 9))

/** The carrying link has something to forget once it is stable. */
export const unsettled = (state: ConnectionState, carrier: LinkView): boolean =>
  state.failures > 0 || (state.rungs[carrier.rung]?.demotions ?? 0) > 0

/** When the next `tick` is due. */
export const nextDue = (state: ConnectionState, timing: TimingOptions): number => {
  const { carrier, links, rungs } = state
  let due = Math.min(state.retryAtMs, state.round?.nextAtMs ?? NEVER)
  for (const link of links) due = Math.min(due, link.deadlineMs)
  if (!carrier) return due
  due = Math.min(due, state.replaceAtMs)
  if (unsettled(state, carrier)) due = Math.min(due, carrier.sinceMs + timing.stableMs)
  // One probe at a time: while one runs, its own deadline is what counts.
  if (links.some((link) => link.rung < carrier.rung)) return due
  rungs.forEach((rung, index) => {
    if (index < carrier.rung && rung.supported) due = Math.min(due, Math.max(rung.untilMs, state.notBeforeMs))
  })
  return due
}
