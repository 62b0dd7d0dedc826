import type { TransportName } from '../transports/transport.ts'
import { FakeClock } from './fake-clock.ts'

/** The kinds of weather that a schedule names; the simulation knows what they do. */
export const SKIES = [
  'clear',
  'refuse',
  'hang',
  'mute',
  'cut',
  'hold',
  'one-behind',
  'lost',
  'twice',
  'stale',
  'busy',
  'portal',
] as const
export type SkyName = (typeof SKIES)[number]

export const PATHS = ['', '/stream', '/poll', '/publish'] as const
export type Path = (typeof PATHS)[number]

/** Something that happens at its time. Plain data, so that a failing schedule can be printed and made smaller. */
export type Step = { readonly atMs: number } & (
  | { readonly do: 'sky'; readonly path: Path; readonly sky: SkyName }
  /** New connections die so young; 0: they live. */
  | { readonly do: 'lives'; readonly ms: number }
  | { readonly do: 'latency'; readonly ms: number }
  | { readonly do: 'cut' | 'mute' | 'hide' | 'show' | 'visible' | 'network' | 'restart' }
  /** The page sleeps: time passes without a timer. */
  | { readonly do: 'sleep'; readonly ms: number }
  | { readonly do: 'lose-tail'; readonly channel: string; readonly count: number }
  | { readonly do: 'subscribe'; readonly channel: string; readonly from: 'latest' | 'earliest' }
  /** Ends the oldest subscription that a step has begun. */
  | { readonly do: 'unsubscribe' }
)

export interface Schedule {
  readonly seed: number
  readonly transports: readonly TransportName[]
  /** The token comes as a promise, late now and then. */
  readonly slowToken: boolean
  /** Messages that the store keeps of a channel. */
  readonly history: number
  readonly stormMs: number
  readonly steps: readonly Step[]
}

const LADDERS: readonly (readonly TransportName[])[] = [
  ['websocket', 'sse', 'long-poll', 'poll'],
  ['websocket', 'sse', 'long-poll', 'poll'],
  ['websocket', 'sse', 'long-poll', 'poll'],
  ['websocket'],
  ['sse'],
  ['long-poll'],
  ['poll'],
  ['websocket', 'long-poll'],
  ['sse', 'poll'],
]

export const CHANNELS = ['a', 'b', 'c'] as const

/** A quarter of a minute to a whole one of trouble, the same for the same seed. */
export const scheduleOf = (seed: number): Schedule => {
  const { random } = new FakeClock({ seed: seed * 7_919 })
  const oneOf = <T>(list: readonly [T, ...T[]] | readonly T[]): T => {
    const chosen = list[Math.floor(random() * list.length)]
    if (chosen === undefined) throw new Error('nothing to choose from')
    return chosen
  }
  const steps: Step[] = []
  const stormMs = 15_000 + random() * 45_000
  let hidden = false
  for (let atMs = 1_000; atMs < stormMs; atMs += 500 + random() * 4_500) {
    for (const path of PATHS) {
      const bad = random() < 0.5
      if (bad || random() < 0.5) steps.push({ atMs, do: 'sky', path, sky: bad ? oneOf(SKIES) : 'clear' })
    }
    steps.push({ atMs, do: 'lives', ms: random() < 0.1 ? 100 + random() * 3_000 : 0 })
    steps.push({ atMs, do: 'latency', ms: oneOf([0, 20, 100, 400]) })
    if (random() < 0.5) steps.push({ atMs, do: random() < 0.8 ? 'cut' : 'mute' })
    if (hidden) steps.push({ atMs, do: 'show' })
    hidden = random() < 0.1
    if (hidden) steps.push({ atMs, do: 'hide' })
    else if (random() < 0.2) steps.push({ atMs, do: random() < 0.5 ? 'visible' : 'network' })
    if (random() < 0.05) steps.push({ atMs, do: 'sleep', ms: random() * 20_000 })
    const loss = random()
    if (loss < 0.04) steps.push({ atMs, do: 'restart' })
    else if (loss < 0.08) {
      steps.push({ atMs, do: 'lose-tail', channel: oneOf(CHANNELS), count: 1 + Math.floor(random() * 20) })
    }
    if (random() < 0.2)
      steps.push({ atMs, do: 'subscribe', channel: oneOf(CHANNELS), from: random() < 0.5 ? 'latest' : 'earliest' })
    if (random() < 0.15) steps.push({ atMs, do: 'unsubscribe' })
  }
  if (hidden) steps.push({ atMs: stormMs, do: 'show' })
  return {
    seed,
    transports: oneOf(LADDERS),
    slowToken: random() < 0.5,
    history: oneOf([100, 1_000, 20_000]),
    stormMs,
    steps,
  }
}

/** Leaves out what a failure does not need: half of the steps at a time, then a quarter, down to one by one. */
export const shrink = async (schedule: Schedule, fails: (smaller: Schedule) => Promise<boolean>): Promise<Schedule> => {
  let { steps } = schedule
  for (let size = Math.ceil(steps.length / 2); size >= 1; size = size > 1 ? Math.ceil(size / 2) : 0) {
    for (let from = 0; from < steps.length;) {
      const smaller = [...steps.slice(0, from), ...steps.slice(from + size)]
      if (await fails({ ...schedule, steps: smaller })) steps = smaller
      else from += size
    }
  }
  return { ...schedule, steps }
}
