import { describe, expect, it } from 'vitest'
import { CONTENT_TYPE } from '../protocol/frames.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { createVirtualClient } from '../testing/virtual-client.ts'
import { createVirtualNetwork } from '../testing/virtual-network.ts'
import type { Connection, Weather } from '../testing/weather.ts'
import type { TransportName } from '../transports/transport.ts'
import type { HoldfastError } from '../base/errors.ts'
import type { Message, Subscription } from './types.ts'

const STORM_MS = 60_000
const CALM_MS = 120_000
/** The hub sends 20 messages a second, the client 2. */
const HUB_EVERY_MS = 50
const CLIENT_EVERY = 10

const LADDERS: readonly (readonly TransportName[])[] = [
  ['websocket', 'sse', 'long-poll', 'poll'],
  ['websocket', 'sse', 'long-poll', 'poll'],
  ['websocket'],
  ['sse'],
  ['long-poll'],
  ['poll'],
  ['websocket', 'long-poll'],
  ['sse', 'poll'],
]
const PATHS = ['', '/stream', '/poll', '/publish'] as const

const busy: Weather = {
  respond: () =>
    new Response('[{"type":"error","code":"unavailable","message":"busy"}]', {
      status: 503,
      headers: { 'content-type': CONTENT_TYPE },
    }),
}
const page: Weather = {
  respond: () => new Response('<html><title>Log in</title>', { headers: { 'content-type': 'text/html' } }),
}
/** Twice what shall be twice as frequent. */
const SKIES: readonly Weather[] = [
  ...[
    'clear',
    'clear',
    'clear',
    'refuse',
    'hang',
    'mute',
    'cut',
    'hold',
    'one-behind',
    'lost',
    'lost',
    'twice',
    'stale',
  ],
  busy,
  page,
] as Weather[]

/** What a subscription was given, judged as it comes (R1–R3). */
const judge = (name: string, sub: () => Subscription | undefined, wrong: (what: string) => void) => {
  let at = 0
  return {
    get at() {
      return at
    },
    startAt(position: string) {
      at ||= Number(position.split('.')[1])
    },
    take({ offset, position }: Message) {
      if (at && offset !== at + 1) wrong(`${name}: ${offset} after ${at}`)
      at = offset
      if (sub() && sub()?.position !== position) wrong(`${name}: stands at ${sub()?.position} with ${position}`)
    },
  }
}

/** One minute of random weather and two of calm; returns everything that went wrong. */
const soak = async (seed: number): Promise<readonly string[]> => {
  const clock = new FakeClock({ seed })
  const { random } = new FakeClock({ seed: seed * 7_919 })
  const oneOf = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!
  const network = createVirtualNetwork(clock)
  let far = 0
  network.latencyMs = () => far && far * (0.5 + random())
  const token = (): Promise<null> =>
    new Promise((resolve) => void clock.after(random() < 0.2 ? random() * 3_000 : 0, () => resolve(null)))
  const client = createVirtualClient(clock, network, {
    transports: LADDERS[seed % LADDERS.length]!,
    ...(seed % 2 && { token }),
  })
  const problems: string[] = []
  const wrong = (what: string): void => void problems.push(`${clock.now()} ms: ${what}`)
  client.on('error', (error) => wrong(`error event ${error.code}: ${error.message}`))

  let head = 0
  const judges: ReturnType<typeof judge>[] = []
  const subscribe = (from: 'latest' | 'earliest'): void => {
    let sub: Subscription | undefined = undefined
    const own = judge(`${from} of ${clock.now()}`, () => sub, wrong)
    judges.push(own)
    sub = client.subscribe('a', own.take, { from })
    void sub.ready.then(own.startAt)
    sub.on('gap', ({ from, to, reason }) => wrong(`gap ${reason} from ${from} to ${to}`))
  }
  const read = async (): Promise<void> => {
    const own = judge('read()', () => undefined, wrong)
    judges.push(own)
    for await (const item of client.read('a', { from: 'earliest', maxBuffered: 8 })) {
      if (item.type === 'gap') wrong(`read(): gap ${item.reason}`)
      else own.take(item)
      // Slower than the channel now and then, so that the small buffer fills up.
      if (clock.random() < 0.1) await new Promise<void>((resolve) => clock.after(200, resolve))
    }
  }
  let sent = 0
  let settled = 0
  const acked = new Map<number, string>()
  const publish = (): void => {
    const n = ++sent
    client.publish('a', { by: 'client', n }).then(
      ({ position }) => {
        settled++
        if (acked.has(n)) wrong(`publish ${n} resolved twice`)
        acked.set(n, position)
      },
      (error: unknown) => {
        settled++
        const { code, message } = error as HoldfastError
        if (code !== 'unknown') wrong(`publish ${n} rejected as ${code}: ${message}`)
      },
    )
  }

  subscribe('latest')
  void read()
  let hidden = false
  await clock.advance(1_000)
  let changeMs = 0
  let churn: Subscription | undefined
  const began = clock.now()
  for (let tick = 0; clock.now() - began < STORM_MS + CALM_MS; tick++) {
    const storm = clock.now() - began < STORM_MS
    if (storm && clock.now() >= changeMs) {
      changeMs = clock.now() + 500 + random() * 4_500
      const sky = new Map(PATHS.map((path) => [path, random() < 0.3 ? 'clear' : oneOf(SKIES)] as const))
      const lives = random() < 0.2 ? 100 + random() * 3_000 : 0
      network.weather = ({ path }: Connection) =>
        sky.get(path) === 'clear' && lives ? { diesAfterMs: lives, answers: true } : (sky.get(path) ?? 'clear')
      far = oneOf([0, 20, 100, 400])
      const chance = random()
      if (chance < 0.4) network.cut(({ path }) => sky.get(path) !== 'clear')
      else if (chance < 0.5) network.mute()
      if (hidden) client.signal('show')
      hidden = random() < 0.1
      if (hidden) client.signal('hide')
      else if (random() < 0.2) client.signal(oneOf(['visible', 'network']))
      if (random() < 0.05) clock.sleep(random() * 20_000)
      if (random() < 0.3) {
        churn?.unsubscribe()
        churn = random() < 0.5 ? client.subscribe('b', () => undefined) : undefined
      }
      if (judges.length < 5 && random() < 0.2) subscribe(oneOf(['latest', 'earliest']))
    } else if (!storm) {
      network.weather = () => 'clear'
      far = 0
      if (hidden) client.signal('show')
      hidden = false
    }
    if (storm || tick % 20 === 0) {
      head++
      void network.hub.publish('a', { by: 'hub', n: tick })
    }
    if (storm && tick % CLIENT_EVERY === 0) publish()
    await clock.advance(HUB_EVERY_MS)
  }

  if (client.state.name !== 'online') wrong(`it is ${client.state.name}: ${client.explain().summary}`)
  if (settled !== sent) wrong(`${sent - settled} of ${sent} publishes without an outcome`)
  const reader = createVirtualClient(clock, network, { transports: ['poll'] })
  const log: Message[] = []
  reader.subscribe('a', (message) => log.push(message), { from: 'earliest' })
  await clock.advance(20_000)
  const last = log.at(-1)?.offset ?? 0
  judges.forEach(({ at }, index) => {
    if (at !== last) wrong(`subscription ${index} stands at ${at}, the head is ${last}`)
  })
  const mine = log.flatMap(({ data, position }) => {
    const { by, n } = data as { by: string; n: number }
    return by === 'client' ? [{ n, position }] : []
  })
  mine.forEach(({ n }, index) => {
    if (index && n <= mine[index - 1]!.n) wrong(`publish ${n} is in the log after ${mine[index - 1]!.n}`)
  })
  for (const [n, position] of acked) {
    if (!mine.some((each) => each.n === n && each.position === position)) wrong(`publish ${n} acked, not in the log`)
  }
  if (mine.length + head !== log.length)
    wrong(`${log.length} in the log, ${head} of the hub, ${mine.length} of the client`)
  if (acked.size === 0) wrong('vacuous: nothing was acked')
  client.close()
  reader.close()
  await clock.advance(5_000)
  if (network.hub.core.links.size) wrong(`${network.hub.core.links.size} links are left`)
  return problems
}

const only = Number(process.env['SEED'])
const most = Number(process.env['SEEDS'] ?? 30)
const seeds = only ? [only] : Array.from({ length: most }, (_, index) => index + 1)

describe('random weather, then calm: R1–R7 every message once and in order, every publish one outcome', () => {
  it.each(seeds)(
    'SEED=%i',
    async (seed) => {
      expect(await soak(seed)).toEqual([])
    },
    60_000,
  )
})
