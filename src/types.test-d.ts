// What must compile and what must not; `tsc` is the test. Each `@ts-expect-error` stands above the one line that is wrong.
import http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import { createClient, isHoldfastError } from 'holdfast'
import type {
  AnyClient,
  Client,
  ClientOptions,
  ClientState,
  Gap,
  HistoryOptions,
  HistoryPage,
  Message,
  Position,
  PublishOptions,
  ReadOptions,
  SubscribeOptions,
  PresentSubscription,
} from 'holdfast'
import { createClient as createCore, longPoll, poll, sse, webSocket } from 'holdfast/core'
import { jwtAuthenticate, jwtAuthorize } from 'holdfast/jwt'
import type { JwtOptions, JwtUser } from 'holdfast/jwt'
import { redisQueue } from 'holdfast/redis'
import { channelRules, createHub } from 'holdfast/server'
import type { Hub } from 'holdfast/server'

interface Chat {
  readonly user: string
  readonly text: string
}
interface Quote {
  readonly bid: number
  readonly ask: number
}
/** An interface, which has no implicit index signature: it must do as a channel map all the same. */
interface Channels {
  'chat:lobby': Chat
  [quote: `quotes:${string}`]: Quote
}
type Aliased = { chat: Chat; count: number }

// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the compiler compares them unresolved
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
/** Compiles only when the value is of that very type. */
const exactly =
  <B>() =>
  <A>(_value: A, ..._same: Equal<A, B> extends true ? [] : [never]): void =>
    undefined
const use = (_value: unknown): void => undefined
/** Compiles only when both types are the same. */
const same = <A, B>(..._equal: Equal<A, B> extends true ? [] : [never]): void => undefined

declare const options: ClientOptions
declare const client: Client<Channels>
declare const aliased: Client<Aliased>
declare const untyped: Client
declare const hub: Hub<Channels>
declare const stored: string
declare const maybe: { from?: 'earliest'; signal?: AbortSignal; key?: string; timeoutMs?: number }

export const channelMaps = (): void => {
  same<typeof client, ReturnType<typeof createClient<Channels>>>()
  createClient<Aliased>({ url: '/realtime' }).subscribe('count', ({ data }) => exactly<number>()(data))
  createClient(options).subscribe('anything', ({ data }) => exactly<unknown>()(data))
  void untyped.publish('anything', { at: 'all' })
  // @ts-expect-error -- a channel map is an object type
  createClient<string>(options)
}

export const subscribing = (): void => {
  client.subscribe('chat:lobby', (message) => {
    exactly<Message<Chat, 'chat:lobby'>>()(message)
    exactly<Chat>()(message.data)
    // @ts-expect-error -- a message belongs to all its listeners: it is read-only
    message.offset = 1
    // @ts-expect-error -- the payload has no such field
    use(message.data.txt)
  })
  // A key that is a template literal: the channel is inferred as written, not widened to the pattern.
  client.subscribe('quotes:AAPL', (message) => {
    exactly<'quotes:AAPL'>()(message.channel)
    exactly<Quote>()(message.data)
  })
  same<ReturnType<typeof client.subscribe<'quotes:AAPL'>>, PresentSubscription<'quotes:AAPL'>>()
  const symbol: string = stored
  client.subscribe(`quotes:${symbol}`, ({ data }) => exactly<Quote>()(data))
  // @ts-expect-error -- no channel of this map
  client.subscribe('chat:loby', () => undefined)
  // @ts-expect-error -- a plain string may be any channel
  client.subscribe(symbol, () => undefined)
  // @ts-expect-error -- the listener takes another payload
  client.subscribe('chat:lobby', ({ data }: { data: Quote }) => data.bid)
  // @ts-expect-error -- the listener is missing
  client.subscribe('chat:lobby')
}

export const starts = (): void => {
  const nothing = (): void => undefined
  client.subscribe('chat:lobby', nothing, { from: 'latest' })
  client.subscribe('chat:lobby', nothing, { from: 'earliest' })
  client.subscribe('chat:lobby', nothing, { from: { last: 20 } })
  // A position that was kept as a plain string comes back as one.
  client.subscribe('chat:lobby', nothing, { from: { after: stored } })
  // @ts-expect-error -- not a start word
  client.subscribe('chat:lobby', nothing, { from: 'newest' })
  // @ts-expect-error -- a position stands in `after`
  client.subscribe('chat:lobby', nothing, { from: stored })
  // @ts-expect-error -- a count is a number
  client.subscribe('chat:lobby', nothing, { from: { last: '20' } })
  // @ts-expect-error -- one of both
  client.subscribe('chat:lobby', nothing, { from: { before: stored } })
  // @ts-expect-error -- a misspelt option
  client.subscribe('chat:lobby', nothing, { form: 'latest' })
  const position: Position = stored
  use(position.length)
}

export const publishing = async (): Promise<void> => {
  const published = await client.publish('chat:lobby', { user: 'ann', text: 'hi' })
  exactly<Position>()(published.position)
  await client.publish('quotes:AAPL', { bid: 1, ask: 2 })
  await aliased.publish('count', 3)
  // @ts-expect-error -- a field is missing
  await client.publish('chat:lobby', { user: 'ann' })
  // @ts-expect-error -- a field of another type
  await client.publish('quotes:AAPL', { bid: '1', ask: 2 })
  // @ts-expect-error -- the payload of another channel
  await client.publish('chat:lobby', { bid: 1, ask: 2 })
  // @ts-expect-error -- a field too many
  await client.publish('chat:lobby', { user: 'ann', text: 'hi', colour: 'red' })
  // @ts-expect-error -- no channel of this map
  await client.publish('quote:AAPL', { bid: 1, ask: 2 })
  // @ts-expect-error -- the data is missing
  await client.publish('chat:lobby')
}

/**
 * A caveat that belongs to the documentation: a variable that may hold one channel or another takes the payload of either, so a
 * pair that does not match passes. Narrow the channel first, or publish with a literal.
 */
export const unionOfChannels = async (channel: 'chat' | 'count'): Promise<void> => {
  await aliased.publish(channel, 1)
  await aliased.publish(channel, { user: 'ann', text: 'hi' })
  // @ts-expect-error -- what fits neither is refused still
  await aliased.publish(channel, 'one')
  aliased.subscribe(channel, ({ data }) => exactly<number | Chat>()(data))
  if (channel === 'count') {
    // @ts-expect-error -- narrowed, the pair must match
    await aliased.publish(channel, { user: 'ann', text: 'hi' })
  }
}

export const reading = async (): Promise<void> => {
  for await (const item of client.read('quotes:AAPL', { from: 'earliest', maxBuffered: 10 })) {
    if (item.type === 'gap') {
      exactly<Gap<'quotes:AAPL'>>()(item)
      // @ts-expect-error -- a gap has no data
      use(item.data)
    } else exactly<Quote>()(item.data)
    // @ts-expect-error -- it is not known yet which of both it is
    use(item.reason)
  }
  // @ts-expect-error -- no channel of this map
  client.read('bonds:X')
}

export const history = async (): Promise<void> => {
  const page = await client.history('quotes:AAPL', { before: stored, limit: 20 })
  exactly<HistoryPage<Quote, 'quotes:AAPL'>>()(page)
  for (const message of page.messages) exactly<Message<Quote, 'quotes:AAPL'>>()(message)
  if (page.gap) exactly<Gap<'quotes:AAPL'>>()(page.gap)
  exactly<Position | undefined>()(page.messages[0]?.position)
  exactly<HistoryPage<number, 'count'>>()(await aliased.history('count'))
  exactly<HistoryPage<unknown, 'anything'>>()(await untyped.history('anything'))
  // @ts-expect-error -- a page belongs to who asked for it, and is read-only
  page.messages.push(page.messages[0])
  // @ts-expect-error -- no channel of this map
  await client.history('bonds:X')
  // @ts-expect-error -- a start word is no position of a message
  await client.history('chat:lobby', { before: { last: 20 } })
  // @ts-expect-error -- a count is a number
  await client.history('chat:lobby', { limit: '20' })
  // @ts-expect-error -- it is before a position
  await client.history('chat:lobby', { after: stored })
}

/** Callers with exactOptionalPropertyTypes hand on what may be undefined. */
export const undefinedOptions = (): void => {
  const { from, signal, key, timeoutMs } = maybe
  const page: HistoryOptions = { before: undefined, limit: undefined, signal }
  void client.history('chat:lobby', page)
  const all: [SubscribeOptions, ReadOptions, PublishOptions, ClientOptions] = [
    { from, signal },
    { from, signal, maxBuffered: undefined },
    { key, signal, timeoutMs },
    { url: '', token: undefined, transports: undefined, strategy: undefined, firstRead: undefined, timing: undefined },
  ]
  client.subscribe('chat:lobby', () => undefined, all[0])
  client.read('chat:lobby', all[1])
  void client.publish('chat:lobby', { user: '', text: '' }, all[2])
  createClient(all[3])
  createHub({ authorize: () => true, store: undefined, origins: undefined, limits: undefined, onError: undefined })
}

export const options_ = (): void => {
  createClient({ url: '/realtime', transports: ['websocket', 'sse', 'long-poll', 'poll'], token: () => null })
  createClient({ url: '/realtime', token: async ({ reason }) => reason })
  // @ts-expect-error -- not a transport
  createClient({ url: '/realtime', transports: ['ws'] })
  // @ts-expect-error -- the URL is missing
  createClient({ transports: ['poll'] })
  // @ts-expect-error -- a token is a string or null
  createClient({ url: '/realtime', token: () => 7 })
  // @ts-expect-error -- not a duration of the client
  createClient({ url: '/realtime', timing: { heartBeatMs: 1 } })
  // @ts-expect-error -- the core takes transports as objects
  createCore({ url: '/realtime', transports: ['poll'] })
  // @ts-expect-error -- the core has none built in
  createCore({ url: '/realtime' })
  createCore<Channels>({ url: '/realtime', transports: [webSocket(), sse(), longPoll(), poll()] })
}

export const events = (state: ClientState, error: unknown): void => {
  client.on('state', ({ name, transport }) => {
    exactly<ClientState['name']>()(name)
    if (transport) exactly<'websocket' | 'sse' | 'long-poll' | 'poll'>()(transport)
  })
  if (state.name === 'waiting') same<typeof state.error.code extends string ? true : false, true>()
  // @ts-expect-error -- only while waiting is a time known
  use(state.retryAtMs)
  // @ts-expect-error -- no such event
  client.on('message', () => undefined)
  const sub = client.subscribe('chat:lobby', () => undefined)
  same<ReturnType<typeof sub.on>, () => void>()
  sub.on('gap', (gap) => exactly<Gap<'chat:lobby'>>()(gap))
  // @ts-expect-error -- state is read-only
  sub.state = { name: 'live' }
  if (isHoldfastError(error)) same<typeof error.retryable, boolean>()
}

/** Bindings of frameworks take any client, whatever its channels. */
export const bindings = (bind: (any: AnyClient) => void): void => {
  bind(client)
  bind(aliased)
  bind(untyped)
}

export const hubs = async (): Promise<void> => {
  await hub.publish('chat:lobby', { user: 'ann', text: 'hi' })
  await hub.publish('quotes:AAPL', { bid: 1, ask: 2 }, { key: 'k' })
  // @ts-expect-error -- the payload of another channel
  await hub.publish('quotes:AAPL', { user: 'ann', text: 'hi' })
  // @ts-expect-error -- no channel of this map
  await hub.publish('chat:loby', { user: 'ann', text: 'hi' })
  // @ts-expect-error -- what may be read and written is for the application to say
  createHub<Channels>({})
  await createHub({ authorize: () => true }).publish('anything', 1)
  for (const server of [http.createServer(), https.createServer(), http2.createServer(), http2.createSecureServer()])
    hub.attach(server)
}

interface Known {
  readonly userId: string
  readonly teams: readonly string[]
}
declare const jwtOptions: JwtOptions

/** `authorize` is given what `authenticate` returned. */
export const users = (known: Known): void => {
  createHub({
    authenticate: ({ token }) => (token === undefined ? null : { userId: token, admin: true }),
    authorize: ({ user }) => {
      same<typeof user, { userId: string; admin: boolean } | null>()
      return user?.admin === true
    },
  })
  createHub({
    authenticate: async () => known,
    authorize: ({ user, channel }) => user?.teams.includes(channel) === true,
  })
  createHub<Channels, Known>({
    authenticate: () => known,
    authorize: channelRules([
      { channel: 'chat:*', subscribe: true, publish: ({ user }) => user?.teams.includes('chat') === true },
    ]),
  })
  createHub({
    authenticate: () => ({ userId: 'ann', admin: true }),
    authorize: channelRules([{ channel: 'quotes:*', subscribe: true, publish: ({ user }) => user?.admin === true }]),
  })
  const rules = channelRules([{ channel: 'quotes:*', publish: ({ user }) => user?.['admin'] === true }])
  createHub<Channels>({ authorize: rules })
  createHub({ authenticate: jwtAuthenticate(jwtOptions), authorize: jwtAuthorize() })
  createHub({
    authenticate: jwtAuthenticate(jwtOptions),
    authorize: ({ user }) => user?.claims['role'] === 'admin',
  })
  createHub<Channels, JwtUser>({ authenticate: jwtAuthenticate(jwtOptions), authorize: jwtAuthorize() })
  createHub({
    // @ts-expect-error -- a user has an id
    authenticate: () => ({ name: 'ann' }),
    authorize: () => true,
  })
  redisQueue({ hub: createHub<Channels>({ authorize: () => true }), stream: 'outbound' })
  // @ts-expect-error -- there is nowhere to publish to
  redisQueue({ stream: 'outbound' })
  // @ts-expect-error -- a setting that is missing must not switch the check off
  jwtAuthenticate({ secret: '', audience: undefined })
}
