import { CONTENT_TYPE } from '../protocol/frames.ts'
import type { MemoryStore } from '../server/memory-store.ts'
import { checkHistory } from './checker.ts'
import { FakeClock } from './fake-clock.ts'
import { Historian } from './historian.ts'
import { CHANNELS } from './schedule.ts'
import type { Path, Schedule, SkyName, Step } from './schedule.ts'
import { createVirtualClient } from './virtual-client.ts'
import { createVirtualNetwork } from './virtual-network.ts'
import type { Connection, Weather } from './weather.ts'
import type { HistoryLine } from './history.ts'

const TICK_MS = 100
const CALM_TICK_MS = 5_000
/** Longer than the longest back-off, probation of a transport alone, and resend of a publish. */
const CALM_MS = 150_000

const answer = (status: number, type: string, text: string): Weather => ({
  respond: () => new Response(text, { status, headers: { 'content-type': type } }),
})
const WEATHERS: Readonly<Partial<Record<SkyName, Weather>>> = {
  busy: answer(503, CONTENT_TYPE, '[{"type":"error","code":"unavailable","message":"busy"}]'),
  portal: answer(200, 'text/html', '<html><title>Log in</title>'),
}

export interface Outcome {
  readonly lines: readonly HistoryLine[]
  /** Breaches of the contract, and what else went wrong; empty when all is well. */
  readonly problems: readonly string[]
}

/** The real client and the real hub in one process, on a virtual clock and network, through a schedule of trouble and then calm. */
export const simulate = async (schedule: Schedule): Promise<Outcome> => {
  const { seed, transports, slowToken, history, stormMs } = schedule
  const clock = new FakeClock({ seed })
  const historian = new Historian()
  let memory: MemoryStore | undefined
  const network = createVirtualNetwork(clock, {}, { messages: history, ageMs: 3_600_000 }, (store) => {
    memory = store
    return historian.store(store, history)
  })
  const epoch = async (): Promise<void> => {
    if (memory) await historian.epoch(memory, CHANNELS)
  }
  await epoch()

  const problems: string[] = []
  const sky = new Map<Path, SkyName>()
  let lives = 0
  let far = 0
  network.latencyMs = () => far && far * (0.5 + clock.random())
  network.weather = ({ path }: Connection): Weather => {
    const name = sky.get(path) ?? 'clear'
    if (name === 'clear' && lives) return { diesAfterMs: lives, answers: true }
    return WEATHERS[name] ?? (name as Weather)
  }
  const token = (): Promise<null> =>
    new Promise((resolve) => void clock.after(clock.random() < 0.2 ? clock.random() * 3_000 : 0, () => resolve(null)))
  const client = createVirtualClient(clock, network, { transports, ...(slowToken && { token }) })
  client.on('error', ({ code, message }) => problems.push(`${clock.now()} ms: error event ${code}: ${message}`))

  const extra: { unsubscribe(): void }[] = []
  for (const channel of CHANNELS) historian.subscribe(client, channel)
  const slow = async (): Promise<void> => {
    // Slower than the channel now and then, so that the small buffer fills up.
    if (clock.random() < 0.1) await new Promise<void>((resolve) => clock.after(200, resolve))
  }
  historian.read(client, 'a', { from: 'earliest', maxBuffered: 8 }, slow).catch((error: unknown) => {
    problems.push(`read() ended: ${String(error)}`)
  })

  const take = async (step: Step): Promise<void> => {
    switch (step.do) {
      case 'sky':
        sky.set(step.path, step.sky)
        break
      case 'lives':
        lives = step.ms
        break
      case 'latency':
        far = step.ms
        break
      case 'cut':
        network.cut()
        break
      case 'mute':
        network.mute()
        break
      case 'restart':
        network.restart()
        await epoch()
        break
      case 'sleep':
        clock.sleep(step.ms)
        break
      case 'lose-tail': {
        const { channel, count } = step
        const head = memory?.loseTail(channel, count)
        if (head) historian.add({ type: 'lost-tail', channel, after: head })
        break
      }
      case 'subscribe':
        if (extra.length < 4) extra.push(historian.subscribe(client, step.channel, { from: step.from }))
        break
      case 'unsubscribe':
        extra.shift()?.unsubscribe()
        break
      default:
        client.signal(step.do)
    }
  }

  const ofClient = historian.publisher((channel, data) => client.publish(channel, data))
  const ofHub = historian.publisher((channel, data) => network.hub.publish(channel, data))
  const steps = [...schedule.steps].sort((a, b) => a.atMs - b.atMs)
  let next = 0
  await clock.advance(1_000)
  for (let tick = 0; clock.now() < stormMs + CALM_MS; tick++) {
    const storm = clock.now() < stormMs
    for (let step = steps[next]; step && step.atMs <= clock.now(); step = steps[++next]) await take(step)
    if (!storm) {
      sky.clear()
      lives = far = 0
    }
    const channel = CHANNELS[tick % CHANNELS.length] ?? 'a'
    void ofHub.publish(channel)
    if (storm && tick % 5 === 0) void ofClient.publish(CHANNELS[(tick / 5) % CHANNELS.length] ?? 'a')
    await clock.advance(storm ? TICK_MS : CALM_TICK_MS)
  }
  await clock.advance(20_000)
  historian.add({ type: 'quiesce' })
  if (client.state.name !== 'online') problems.push(`it is ${client.state.name}: ${client.explain().summary}`)
  if (ofClient.open) problems.push(`${ofClient.open} publishes without an outcome`)
  client.close()
  await clock.advance(5_000)
  if (network.hub.core.links.size) problems.push(`${network.hub.core.links.size} links are left`)
  const findings = checkHistory(historian.lines).map(({ rule, line, what }) => `${rule} at line ${line}: ${what}`)
  return { lines: historian.lines, problems: [...problems, ...findings] }
}
