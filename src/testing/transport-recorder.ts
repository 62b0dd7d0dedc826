import { setTimeout as sleep } from 'node:timers/promises'
import type { ServerFrame } from '../protocol/frames.ts'
import type { LinkEnd, LinkHandlers, OpenRequest, Slots } from '../transports/transport.ts'
import type { FakeClock } from './fake-clock.ts'

/** Slots that count: `taken` is how many are held now. */
export const countingSlots = (limit = Infinity): Slots & { taken: number } => {
  const slots = {
    taken: 0,
    take: async () => {
      if (slots.taken >= limit) return null
      slots.taken++
      return () => {
        slots.taken--
      }
    },
  }
  return slots
}

export interface Recording {
  readonly request: OpenRequest
  readonly on: LinkHandlers
  readonly batches: string[]
  readonly ends: LinkEnd[]
  /** Names of the handlers in the order they were called. */
  readonly calls: string[]
  /** `waitMs` of each hello that was built. */
  readonly waits: (number | undefined)[]
  readonly slots: Slots & { taken: number }
  /** `data` of all messages that came. */
  messages(): unknown[]
}

/** A request and handlers that write everything down; the hello follows what came. */
export const record = (url: string, clock: FakeClock, more: Partial<OpenRequest & LinkHandlers> = {}): Recording => {
  const batches: string[] = []
  const ends: LinkEnd[] = []
  const calls: string[] = []
  const waits: (number | undefined)[] = []
  const slots = countingSlots()
  let nonce = 0
  const frames = (): ServerFrame[] => batches.flatMap((batch) => JSON.parse(batch) as ServerFrame[])
  const messages = (): unknown[] =>
    frames().flatMap((frame) => (frame.type === 'run' ? frame.messages.map(({ data }) => data) : []))
  return {
    batches,
    ends,
    calls,
    waits,
    slots,
    messages,
    request: {
      url,
      clock,
      slots,
      timing: { holdMs: 25_000, pollIntervalMs: 5000 },
      more: () => false,
      timeoutMs: () => 5000,
      hello: (waitMs) => {
        waits.push(waitMs)
        const channels = [{ channel: 'c', from: { after: `E.${messages().length}.x` } }]
        return JSON.stringify([
          { type: 'hello', protocol: 1, nonce: `n${++nonce}n`, client: 'k'.repeat(22), waitMs, channels },
        ])
      },
      ...more,
    },
    on: {
      data: (batch, answer) => {
        calls.push('data')
        batches.push(batch)
        more.data?.(batch, answer)
      },
      alive: () => {
        calls.push('alive')
        more.alive?.()
      },
      end: (end) => {
        calls.push('end')
        ends.push(end)
        more.end?.(end)
      },
    },
  }
}

/** Lets time pass on both clocks, the fake one ten times as fast, until something is so. */
export const until = async (clock: FakeClock, done: () => boolean, what = 'it'): Promise<void> => {
  for (let turn = 0; !done(); turn++) {
    if (turn > 1500) throw new Error(`${what} did not happen`)
    await clock.advance(20)
    await sleep(2)
  }
}
