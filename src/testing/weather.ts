/** What the network does to one connection. */
export type Weather =
  /** Passes. */
  | 'clear'
  /** Ends at once, before anything was said. */
  | 'refuse'
  /** Is never answered. */
  | 'hang'
  /** WebSocket: opens, then nothing passes, both ways. */
  | 'mute'
  /** Opens and is cut at once. */
  | 'cut'
  /** A response comes when it has ended. */
  | 'hold'
  /** Each chunk of a response comes with the next one. */
  | 'one-behind'
  /** The hub gets the request, and its answer is lost. WebSocket: passes. */
  | 'lost'
  /** The hub gets the request twice, and the second answer passes. WebSocket: passes. */
  | 'twice'
  /** The answer to the last request of the same path instead of this one's, as a cache gives it. WebSocket: passes. */
  | 'stale'
  /** Everything passes, or nothing does, and it is cut this many ms after it was accepted. */
  | { readonly diesAfterMs: number; readonly answers: boolean }
  /** This answer instead of the hub's. */
  | { readonly respond: () => Response }

/** Whether nothing is heard of the connection before it ends. */
export const neverAnswers = (weather: Weather): boolean =>
  weather === 'hang' || (typeof weather === 'object' && 'answers' in weather && !weather.answers)

/** A connection as the weather is asked about it. `held`: the poll asks to be held. */
export interface Connection {
  readonly path: '' | '/poll' | '/stream' | '/publish'
  readonly held: boolean
}
