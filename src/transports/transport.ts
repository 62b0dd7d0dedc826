import type { Clock } from '../base/clock.ts'

export type TransportName = 'websocket' | 'sse' | 'long-poll' | 'poll'

/** How a link ended, as facts; the words for them are the client's. */
export type EndCode =
  /** The connection failed and the platform does not say why (a failed WebSocket handshake, a rejected `fetch`). */
  | 'failed'
  /** An established link was cut: WebSocket close after open, a body that broke off or ended. */
  | 'cut'
  /** The hub answered with an error status or error frame; `status` and `body` tell. */
  | 'refused'
  /** An answer that is not the hub's: another content type, HTML, a redirect to a login page, a proxy's 407. */
  | 'foreign'
  /** No answer in the time of its own that the transport allows a request. */
  | 'timeout'
  /** The page may not do this: CSP, a throwing constructor, mixed content. */
  | 'blocked'
  /** Held or streamed requests of this origin use up the browser's connections already (no Web Lock was free). */
  | 'busy'
  /** Short polls work but held ones are cut again and again. */
  | 'holds-cut'
  /** One event or answer is over the size limit. */
  | 'too-large'
  /** A single read (`read`) was answered; its batch came through `data`. */
  | 'done'

export interface LinkEnd {
  readonly code: EndCode
  /** HTTP status, or the close code of a WebSocket. */
  readonly status?: number | undefined
  /** From `Retry-After`: milliseconds; a date is turned into them. Absent when missing or nonsense; at most 5 minutes. */
  readonly retryAfterMs?: number | undefined
  /** The hub's message, a page's title or text, or a close reason, cut to 200 characters. For `explain()`; never parsed, never shown as HTML. */
  readonly detail?: string | undefined
}

export interface LinkHandlers {
  /**
   * T2: one batch, in server order, never after `end`, never inside `open()`. `answer` is true when it answers a `send` over
   * a request of its own: that says nothing about the life of a stream beside it.
   */
  data(batch: string, answer?: boolean): void
  /** Bytes came that do not make a batch yet; a sign of life. */
  alive(): void
  /** T3: at most once, never inside `open()`; nothing at all is called after `close()`. */
  end(end: LinkEnd): void
}

export interface OpenRequest {
  /** Base URL of the endpoints: absolute, http or https, without query, fragment and trailing slash. */
  readonly url: string
  /**
   * The first batch of a connection or request, built when it is sent (positions move on).
   * `waitMs` is what a held poll asks for; absent on streams.
   */
  hello(waitMs?: number): string
  /** Polls: true when the last answer said that there is more to read now. */
  more(): boolean
  /** Silence after which a request counts as unanswered, in ms; a held poll adds its hold. */
  timeoutMs(): number
  readonly clock: Clock
  readonly timing: Timing
  /** Where the held and streamed requests of a client get their connections from; always there for a transport that makes them. */
  readonly slots: Slots | undefined
}

/** Durations in ms that a transport keeps by itself; see docs for the defaults. */
export interface Timing {
  /** Longest hold of a long-poll. @default 25000 */
  readonly holdMs: number
  /** Pause between two interval polls. @default 5000 */
  readonly pollIntervalMs: number
}

/** Permission to keep a request open (browsers allow six connections per host on HTTP/1.1, all tabs together). */
export interface Slots {
  /** Resolves with the function that gives the slot back, or with null when none is free. Never rejects. */
  take(): Promise<(() => void) | null>
}

export interface Link {
  /** More than 64 KiB wait to be taken by the network; only where that can be told. */
  readonly full?: boolean
  /**
   * T4: sends one batch, in call order; rejects with a `LinkEnd`, never throws. Resolves when it was handed to the network
   * (duplex) or answered (not duplex: the answer came through `data` just before).
   */
  send(batch: string): Promise<void>
  /** T5: idempotent; leaves no timer, listener or request behind. */
  close(): void
}

export interface Transport {
  readonly name: TransportName
  /**
   * Sends a batch that begins with a hello as a request of its own, which goes on when the page goes. Nobody learns what becomes of it. Only where requests
   * are what it is made of.
   */
  readonly part?: (url: string, batch: string) => void
  /** True: `send` uses the connection of the link itself. False: each `send` is a request of its own and its batch begins with a hello. */
  readonly duplex: boolean
  /**
   * Proof of a link (PROTOCOL.md §4.5): 'welcome'; 'heartbeat' = a welcome and a heartbeat after it; 'answer' = the welcome of a request with `waitMs`.
   */
  readonly proof: 'welcome' | 'heartbeat' | 'answer'
  /** Silence means death after the beat and grace (true), or the transport times its own requests (false). */
  readonly beats: boolean
  /** False when the platform lacks what is needed. Never throws. */
  supported(): boolean
  /** T1: returns at once and never throws. */
  open(request: OpenRequest, on: LinkHandlers): Link
  /** Makes what `request.slots` is to be for a client; present on those that keep requests open. */
  readonly slots?: ((url: string, clock: Clock) => Slots) | undefined
  /** One `POST` to an endpoint that reads once and ends: the first read and catch-up. Present on the HTTP polls. */
  read?(request: OpenRequest, on: LinkHandlers): Link
}
