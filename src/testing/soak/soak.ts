import { setTimeout as wait } from 'node:timers/promises'
import { memoryStore } from '../../server/memory-store.ts'
import type { Client, Subscription } from '../../client/types.ts'
import { checkHistory } from '../checker.ts'
import { FakeClock } from '../fake-clock.ts'
import { startFaultProxy } from '../fault-proxy/fault-proxy.ts'
import type { FaultProxy } from '../fault-proxy/fault-proxy.ts'
import { openClient } from '../fault-matrix/clients.ts'
import { headsOf } from '../fault-matrix/cell-log.ts'
import { isBehind } from '../fault-matrix/heads.ts'
import { startHubNode } from '../fault-matrix/hub-node.ts'
import { padOf } from '../fault-matrix/payload.ts'
import { TRANSPORTS_OF } from '../fault-matrix/columns.ts'
import type { Column } from '../fault-matrix/columns.ts'
import { Historian } from '../historian.ts'
import type { Publisher } from '../historian.ts'
import { Delays } from './figures.ts'
import { forceSwitch, trouble } from './trouble.ts'

export interface SoakOptions {
  readonly minutes: number
  readonly seed: number
  /** Told of each minute. */
  readonly say: (line: string) => void
}

/** What a soak came to; `problems` is empty when the contract held. */
export interface SoakReport {
  readonly problems: readonly string[]
  readonly text: string
}

const ROOMS = 5
/** The clients of a room: most choose by themselves. */
const COLUMNS: readonly Column[] = ['A', 'A', 'A', 'A', 'A', 'A', 'W', 'S', 'L', 'P']
const CHANNELS = Array.from({ length: 20 }, (_, index) => `soak-${index}`)
const CHANNELS_OF_ONE = 2
const KEPT = { messages: 5_000, ageMs: 3_600_000 }
/** Messages a second of the hub, and as many of all clients together. */
const RATE = 100
const PAGE_MS = 60_000
const SWITCH_EVERY_MS = 30_000
/** Bounds how long a page may take to come to rest. */
const REST_MS = 120_000

/** Does it so often a second, whatever a busy machine makes of its timers. */
const pace = (task: () => unknown): (() => void) => {
  const beganAt = performance.now()
  let done = 0
  const timer = setInterval(() => {
    for (const due = ((performance.now() - beganAt) / 1_000) * RATE; done < due; done++) task()
  }, 10)
  return () => clearInterval(timer)
}

/**
 * Fifty clients in five rooms with a fault proxy each, two hundred messages a second, in each room a fault every 2 to 10 seconds and a forced change of
 * transport twice a minute. Once a minute everything comes to rest, and the checker judges the page of the history (R1–R3).
 */
export const soak = async ({ minutes, seed, say }: SoakOptions): Promise<SoakReport> => {
  const { random } = new FakeClock({ seed })
  const problems: string[] = []
  const historian = new Historian()
  const memory = memoryStore(KEPT)
  const store = historian.store(memory, KEPT.messages)
  const node = await startHubNode(store, (what) => problems.push(`hub: ${what}`))
  const proxies: FaultProxy[] = []
  const clients: Client[] = []
  const subscriptions: Subscription[] = []
  const publishers: Publisher[] = []
  const lag = new Delays()
  const rest = new Delays()
  const faults = new Map<string, number>()
  let gaps = 0
  let storm = true
  let over = false

  await historian.turnPage(memory, CHANNELS)
  for (let room = 0; room < ROOMS; room++) {
    const upstream = { host: '127.0.0.1', port: node.port }
    const proxy = await startFaultProxy({ upstream, maxEvents: 1_000, orphanMs: 2_000, random })
    proxies.push(proxy)
    for (const column of COLUMNS) {
      const client = openClient(`${proxy.origin}/realtime`, TRANSPORTS_OF[column])
      client.on('error', ({ code, message }) => problems.push(`client: ${code}: ${message}`))
      for (let count = 0; count < CHANNELS_OF_ONE; count++) {
        const channel = CHANNELS[(clients.length * CHANNELS_OF_ONE + count) % CHANNELS.length] ?? ''
        const subscription = historian.subscribe(client, channel, {}, ({ timeMs }) => lag.add(Date.now() - timeMs))
        subscription.on('gap', () => gaps++)
        subscriptions.push(subscription)
      }
      clients.push(client)
      publishers.push(historian.publisher((channel, data) => client.publish(channel, data)))
    }
  }
  await Promise.all(subscriptions.map(({ ready }) => ready))

  const anyChannel = (): string => CHANNELS[Math.floor(random() * CHANNELS.length)] ?? ''
  const ofHub = historian.publisher((channel, data) => node.hub.publish(channel, data))
  let turn = 0
  const load = [
    pace(() => storm && void ofHub.publish(anyChannel(), padOf(random).slice(0, 500))),
    pace(() => storm && void publishers[turn++ % publishers.length]?.publish(anyChannel(), padOf(random))),
  ]

  /** One room's weather, for as long as the soak lasts. */
  const weather = async (proxy: FaultProxy): Promise<void> => {
    let switchAt = performance.now() + random() * SWITCH_EVERY_MS
    while (!over) {
      await wait(2_000 + random() * 8_000)
      if (!storm) continue
      let name = 'switch'
      if (performance.now() < switchAt) name = trouble(proxy.faults, random)
      else {
        forceSwitch(proxy.faults, random)
        switchAt += SWITCH_EVERY_MS
      }
      faults.set(name, (faults.get(name) ?? 0) + 1)
      await wait(500 + random() * 4_000)
      proxy.faults.clear()
    }
  }
  const rooms = proxies.map(weather)

  const isAtRest = async (): Promise<boolean> => {
    const heads = await headsOf(memory, CHANNELS)
    return ![ofHub, ...publishers].some(({ open }) => open) && !subscriptions.some((each) => isBehind(each, heads))
  }
  /** Calm; then everybody has everything, and the page is judged. */
  const judge = async (page: number): Promise<void> => {
    storm = false
    for (const { faults } of proxies) faults.clear()
    const beganAt = performance.now()
    while (!(await isAtRest()) && performance.now() - beganAt < REST_MS) await wait(50)
    rest.add(performance.now() - beganAt)
    historian.add({ type: 'quiesce' })
    for (const { rule, what } of checkHistory(historian.lines)) problems.push(`minute ${page}: ${rule}: ${what}`)
    say(
      `minute ${page}: ${historian.appended} appended, ${lag.count} delivered (${lag.toString()}), ` +
        `${[...faults.values()].reduce((sum, count) => sum + count, 0)} faults, ${gaps} gaps, ` +
        `heap ${Math.round(process.memoryUsage().heapUsed / 1e6)} MB, ${problems.length} problems`,
    )
    await historian.turnPage(memory, CHANNELS)
    storm = true
  }

  for (let page = 1; page <= minutes && problems.length === 0; page++) {
    await wait(PAGE_MS)
    await judge(page)
  }
  over = true
  for (const stop of load) stop()
  for (const client of clients) client.close()
  await Promise.all(rooms)
  for (const proxy of proxies) await proxy.close()
  await node.close()
  const kinds = [...faults].sort(([a], [b]) => a.localeCompare(b)).map(([name, count]) => `${name} ${count}`)
  const text = [
    `soak: ${minutes} min, seed ${seed}, ${clients.length} clients, ${historian.appended} messages, ${lag.count} deliveries`,
    `faults: ${kinds.join(', ')}`,
    `lag ${lag.toString()}; to rest ${rest.toString()}; ${gaps} gaps; ${problems.length} problems`,
  ].join('\n')
  return { problems, text }
}
