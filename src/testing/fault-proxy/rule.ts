/** The layer a rule looks at: a TCP connection (stand-alone proxy only), an HTTP exchange, or a WebSocket. */
export type LinkKind = 'tcp' | 'http' | 'ws'

/** `up` is client to hub, `down` is hub to client. */
export type Direction = 'up' | 'down'

/** Which traffic a rule acts on. Everything given must hold; an empty match means every request and WebSocket. */
export interface Match {
  /** Without it a rule acts on `http` and `ws`. `tcp` must be asked for, else a delay would count twice. */
  readonly kind?: LinkKind
  /** Suffix of the pathname, after the prefix was stripped: `/poll`, `/stream`, `/` for the WebSocket endpoint. */
  readonly path?: string
  /** Only the nth (from 1) link that matches; with `frame` the nth frame. */
  readonly nth?: number
  /**
   * Direction in which `frame` and `afterBytes` are judged and in which shaping acts. Default: `afterBytes` counts
   * the answer (`down`), all else is both.
   */
  readonly direction?: Direction
  /** Type of a protocol frame, anywhere in a batch. */
  readonly frame?: string
  /** Once this many bytes passed (HTTP: of the body, so 0 means "after the head"; WebSocket: after the 101). */
  readonly afterBytes?: number
  /** Once the link has this age. */
  readonly afterMs?: number
  /** A poll whose hello asks to wait (`waitMs` above 0), or one that does not. */
  readonly held?: boolean
}

/** Fields of a protocol frame, right or wrong: JSON, at most 1 MiB. */
export type FrameFields = Readonly<Record<string, unknown>>

/** What happens to matching traffic. Bytes of a body are counted for HTTP, bytes on the wire for WebSocket and TCP. */
export type Action =
  | { readonly type: 'refuse' }
  | { readonly type: 'hang' }
  /** End or RST. Without `bytes` at once; with it after so many more bytes of the answer (0: right after the head). */
  | { readonly type: 'fin'; readonly bytes?: number }
  | { readonly type: 'reset'; readonly bytes?: number }
  /** The direction vanishes and the sockets stay open. A WebSocket still gets its 101. @default 'both' */
  | { readonly type: 'suppress'; readonly direction?: Direction | 'both' }
  | { readonly type: 'delay'; readonly ms: number; readonly jitterMs?: number }
  | { readonly type: 'throttle'; readonly bytesPerSecond: number }
  /** `gapMs` defaults to 2: without a pause TCP joins the pieces again. */
  | { readonly type: 'slice'; readonly bytes: number; readonly gapMs?: number }
  | { readonly type: 'oneBehind' }
  | { readonly type: 'bufferAll' }
  | { readonly type: 'limit'; readonly bytes?: number; readonly ms?: number }
  | {
      readonly type: 'respond'
      readonly status: number
      readonly headers?: Readonly<Record<string, string>>
      readonly body?: string
    }
  | { readonly type: 'replayPrevious' }
  | { readonly type: 'reorder' }
  | { readonly type: 'duplicate' }
  | { readonly type: 'dropAnswer' }
  /** One more frame beside each frame that matches; `nth` makes it one. @default 'after' */
  | { readonly type: 'inject'; readonly frame: FrameFields; readonly where?: 'before' | 'after' }
  /** Another frame in place of each that matches, or the same one with some fields set. */
  | { readonly type: 'replace'; readonly frame: FrameFields }
  | { readonly type: 'replace'; readonly set: FrameFields }

/** The name of an action. */
export type ActionType = Action['type']
export type ActionOf<T extends ActionType> = Extract<Action, { readonly type: T }>

/** What is to happen to which traffic. */
export interface Rule {
  readonly match: Match
  readonly action: Action
  /** Links on which the rule may fire before it is spent; frames, for `inject` and `replace`. Default: always. */
  readonly times?: number
}

/** Actions that are decided once, when a connection, request or upgrade arrives. */
const alwaysOpening: ReadonlySet<ActionType> = new Set<ActionType>([
  'refuse',
  'hang',
  'respond',
  'replayPrevious',
  'reorder',
  'duplicate',
  'dropAnswer',
])

/** Actions that need the whole exchange, so they exist for HTTP only. */
export const exchangeActions: ReadonlySet<ActionType> = new Set<ActionType>([
  'replayPrevious',
  'reorder',
  'duplicate',
  'dropAnswer',
])

/** Where a rule is looked up: when a link opens, for each chunk of bytes, or for each batch of frames. */
export type Stage = 'opening' | 'bytes' | 'frames'

export function stageOf(rule: Rule): Stage {
  if (rule.action.type === 'inject' || rule.action.type === 'replace') return 'frames'
  return isOpeningRule(rule) ? 'opening' : 'bytes'
}

/** True when the rule is judged once, when a link opens; links that are open already never feel it. */
export function isOpeningRule({ match, action }: Rule): boolean {
  if (alwaysOpening.has(action.type)) return true
  if (action.type !== 'fin' && action.type !== 'reset') return false
  // An end without any condition is an end at once; with one it must wait for the traffic.
  return (
    action.bytes === undefined &&
    match.afterBytes === undefined &&
    match.afterMs === undefined &&
    match.frame === undefined &&
    match.direction === undefined
  )
}
