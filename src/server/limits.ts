/** Every bound and duration of a hub. Bytes are UTF-8 bytes; durations are milliseconds of the hub's clock. */
export interface HubLimits {
  /** One request body or WebSocket message. @default 262144 */
  readonly batchBytes: number
  /** The JSON of one message's data. @default 65536 */
  readonly dataBytes: number
  /** @default 64 */
  readonly publishesPerBatch: number
  /** @default 256 */
  readonly framesPerBatch: number
  /** @default 128 */
  readonly channelsPerReader: number
  /** Channels in the query of a `GET`. @default 16 */
  readonly channelsPerUrl: number
  /** @default 8192 */
  readonly tokenBytes: number
  /** Nesting of JSON in a batch. @default 32 */
  readonly jsonDepth: number
  /** Messages of one answer, and one page of catching up on a link. @default 262144 */
  readonly answerBytes: number
  /** Messages of one read from the store. @default 1000 */
  readonly messagesPerPage: number
  /** What a link may have unsent before nothing more is pushed to it. @default 65536 */
  readonly highWaterBytes: number
  /** Links and held requests at one time; above it the hub answers 503. @default 20000 */
  readonly links: number
  /** Links and held requests of one user; above it 429. Those who are not authenticated have no such limit. @default 1000 */
  readonly linksPerUser: number
  /** Links and held requests of one address (IPv6: of one /64); above it 429. @default 20000 */
  readonly linksPerAddress: number
  /**
   * New WebSockets and streams of all together a minute, at once as many as in a second; above it the hub answers 503 with a time for
   * each. This and the rates below may be `Infinity`: then there is none. @default 60000
   */
  readonly connectsPerMinute: number
  /** New WebSockets and streams a minute. @default 1200 */
  readonly connectsPerMinutePerUser: number
  /** @default 120000 */
  readonly connectsPerMinutePerAddress: number
  /** `subscribe` frames of one WebSocket a minute. @default 6000 */
  readonly subscribesPerMinutePerLink: number
  /** @default 30000 */
  readonly subscribesPerMinutePerUser: number
  /** @default 600000 */
  readonly subscribesPerMinutePerAddress: number
  /** `publish` frames of one WebSocket a minute. @default 60000 */
  readonly publishesPerMinutePerLink: number
  /** Publishes a minute, each of a batch. @default 120000 */
  readonly publishesPerMinutePerUser: number
  /** @default 600000 */
  readonly publishesPerMinutePerAddress: number
  /** Requests of `/poll` a minute. @default 12000 */
  readonly pollsPerMinutePerUser: number
  /** @default 600000 */
  readonly pollsPerMinutePerAddress: number
  /** What comes at once may be as much as a rate brings in this time. @default 10000 */
  readonly rateBurstMs: number
  /** Users, and addresses, whose use of one rate is remembered. @default 20000 */
  readonly rateKeys: number
  /** Frames of one link that are refused in a minute, for a rate or as malformed, before the link is closed. @default 20000 */
  readonly refusalsPerMinutePerLink: number
  /** Publishes of one link that wait for their answer before the link is not read any more. @default 256 */
  readonly publishesInFlight: number
  /** Time for the publishes of one request; those not begun by then are refused, and come again. @default 2000 */
  readonly publishMs: number
  /** Time that a handler of `hub.handle` has for its answer. @default 30000 */
  readonly requestMs: number
  /** Requests that are with handlers at one time; above it they are refused for now. @default 1000 */
  readonly requests: number
  /** The JSON of what a client publishes to be seen. @default 1024 */
  readonly presenceBytes: number
  /** How long a client is seen that does not renew it: more than the minute in which hidden tabs run their timers. @default 75000 */
  readonly presenceMs: number
  /** How often, about, a hub looks who has left. @default 10000 */
  readonly presenceSweepMs: number
  /** Clients that are to be seen on one channel, at all hubs together: at most 5000. @default 1000 */
  readonly presentPerChannel: number
  /** From the start of a link or request to its valid hello. @default 10000 */
  readonly helloMs: number
  /** A link that took no byte for so long is destroyed. @default 60000 */
  readonly stallMs: number
  /** Longest hold of a poll. @default 25000 */
  readonly holdMs: number
  /** Beat of a client that asks for none. @default 10000 */
  readonly heartbeatMs: number
  /** @default 3000 */
  readonly heartbeatMinMs: number
  /** @default 60000 */
  readonly heartbeatMaxMs: number
  /** From the welcome of a stream to the heartbeat that proves it (100 to 500). @default 120 */
  readonly secondFrameMs: number
  /** How often links are looked at for beats and stalls. @default 500 */
  readonly sweepMs: number
  /** Time that `authorize` has. @default 2000 */
  readonly authorizeMs: number
  /** Age at which an answer of `authorize` is asked for again. @default 2000 */
  readonly permissionMs: number
  /** Answers of `authorize` that are kept. @default 20000 */
  readonly permissions: number
  /** How long a poll waits for a permission before it answers without that channel. @default 250 */
  readonly permissionWaitMs: number
  /** How often the tail of a channel is compared with the store. @default 10000 */
  readonly positionCheckMs: number
  /** How long the tail of a channel outlives its last reader. @default 30000 */
  readonly tailLingerMs: number
  /** Messages that a channel's tail holds. @default 1000 */
  readonly tailMessages: number
  /** Bytes that a channel's tail holds. @default 262144 */
  readonly tailBytes: number
  /** Tails that are kept without a reader. @default 1000 */
  readonly idleTails: number
  /** From the end of a link, said to the peer, to its destruction when the peer does not play its part. @default 2000 */
  readonly closeMs: number
  /** Time that the store has to answer a question after its health; the answer is kept as long. @default 1000 */
  readonly healthMs: number
  /** Longest drain in `close()`. @default 30000 */
  readonly drainMs: number
  /** Links that are told to go come back spread over this time. @default 5000 */
  readonly goodbyeSpreadMs: number
  /** So long before its token expires, or later, a link is told to come with another one: spread over three quarters of it. @default 30000 */
  readonly renewMs: number
}

/** The defaults, those of PROTOCOL.md §9 among them. */
export const DEFAULT_LIMITS: HubLimits = Object.freeze({
  batchBytes: 256 * 1024,
  dataBytes: 64 * 1024,
  publishesPerBatch: 64,
  framesPerBatch: 256,
  channelsPerReader: 128,
  channelsPerUrl: 16,
  tokenBytes: 8192,
  jsonDepth: 32,
  answerBytes: 256 * 1024,
  messagesPerPage: 1000,
  highWaterBytes: 64 * 1024,
  links: 20_000,
  linksPerUser: 1000,
  linksPerAddress: 20_000,
  connectsPerMinute: 60_000,
  connectsPerMinutePerUser: 1200,
  connectsPerMinutePerAddress: 120_000,
  subscribesPerMinutePerLink: 6000,
  subscribesPerMinutePerUser: 30_000,
  subscribesPerMinutePerAddress: 600_000,
  publishesPerMinutePerLink: 60_000,
  publishesPerMinutePerUser: 120_000,
  publishesPerMinutePerAddress: 600_000,
  pollsPerMinutePerUser: 12_000,
  pollsPerMinutePerAddress: 600_000,
  rateBurstMs: 10_000,
  rateKeys: 20_000,
  refusalsPerMinutePerLink: 20_000,
  publishesInFlight: 256,
  publishMs: 2000,
  requestMs: 30_000,
  requests: 1000,
  presenceBytes: 1024,
  presenceMs: 75_000,
  presenceSweepMs: 10_000,
  presentPerChannel: 1000,
  helloMs: 10_000,
  stallMs: 60_000,
  holdMs: 25_000,
  heartbeatMs: 10_000,
  heartbeatMinMs: 3000,
  heartbeatMaxMs: 60_000,
  secondFrameMs: 120,
  sweepMs: 500,
  authorizeMs: 2000,
  permissionMs: 2000,
  permissions: 20_000,
  permissionWaitMs: 250,
  positionCheckMs: 10_000,
  tailLingerMs: 30_000,
  tailMessages: 1000,
  tailBytes: 256 * 1024,
  idleTails: 1000,
  closeMs: 2000,
  healthMs: 1000,
  drainMs: 30_000,
  goodbyeSpreadMs: 5000,
  renewMs: 30_000,
})

/** A store keeps the newest of 10,000 keys of a channel, and those who left are among them for a while. */
const MOST_PRESENT = 5000

/** The defaults with what the user set; throws a `TypeError` for a value that is not a positive number. */
export const limitsOf = (given: { readonly [Name in keyof HubLimits]?: number | undefined } = {}): HubLimits => {
  const limits: Record<string, number> = { ...DEFAULT_LIMITS }
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue
    if (!Object.hasOwn(DEFAULT_LIMITS, name)) throw new TypeError(`holdfast: limits.${name} is not a limit`)
    if (typeof value !== 'number' || !(value > 0)) {
      throw new TypeError(`holdfast: limits.${name} must be a positive number, not ${String(value)}`)
    }
    if (name === 'presentPerChannel' && value > MOST_PRESENT) {
      throw new TypeError(`holdfast: limits.${name} must be ${MOST_PRESENT} at most, not ${value}`)
    }
    limits[name] = value
  }
  return Object.freeze(limits as unknown as HubLimits)
}
