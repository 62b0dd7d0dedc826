import { HoldfastError, invalidArgument } from '../base/errors.ts'
import type { Start } from '../protocol/frames.ts'
import { isChannelName } from '../protocol/channel-name.ts'
import { formatPosition, parsePosition } from '../protocol/position.ts'
import { createEmitter } from './emitter.ts'
import { newSub } from './subscriptions.ts'
import type { Registry, Sub, SubEvents } from './subscriptions.ts'
import type { Message, Position, SubscribeOptions, Subscription } from './types.ts'

/** What `before` and `after` are to be. */
export const A_POSITION = 'a position that a message, gap or publish gave'

/** Throws `invalid-argument` where an argument of a call about a channel is not `fine`: `field` must be `why`. */
export const check = (channel: unknown, fine: boolean, field: string, why: string): void => {
  if (!fine) throw invalidArgument(field, `channel ${String(channel)}: ${field} must be ${why}`)
}

/** The start of a subscription from its option: a position or a start word. Throws `invalid-argument`, naming what is wrong with it. */
const startFrom = (channel: unknown, from: unknown = 'latest'): Pick<Sub, 'start' | 'position'> => {
  const named = typeof channel === 'string' && isChannelName(channel)
  check(channel, named, 'channel', '1 to 256 bytes without control characters')
  // Callers without types come here too.
  const { last, after } = Object(from) as { readonly last?: number; readonly after?: unknown }
  const position = parsePosition(String(after))
  if (after !== undefined) check(channel, !!position, 'from.after', A_POSITION)
  else if (last !== undefined) {
    const counts = Number.isInteger(last) && last >= 0 && last <= 10_000
    check(channel, counts, 'from.last', 'a whole number from 0 to 10000')
  } else check(channel, from === 'latest' || from === 'earliest', 'from', "'latest', 'earliest', { last } or { after }")
  return { position, start: position ? null : last === undefined ? (from as Start) : { last } }
}

export interface SubscriptionEnv {
  readonly registry: Registry
  /** Hands it to the registry and connects. */
  add(sub: Sub): void
  /** Something has changed. */
  step(): void
  report(cause: unknown, channel: string): void
}

/** Makes the public object around a subscription. What `listener` returns is not awaited, but its rejection is reported (R21). */
export const createSubscription = (
  env: SubscriptionEnv,
  channel: string,
  listener: (message: Message) => unknown,
  { from, signal }: SubscribeOptions,
  given?: Partial<Sub>,
): { readonly subscription: Subscription; readonly sub: Sub } => {
  const start = startFrom(channel, from)
  const emitter = createEmitter<SubEvents>((cause) => env.report(cause, channel))
  emitter.on('message', listener)
  const ready = new Promise<Position>((resolve, reject) => {
    // The first listener: an error is told before the state that it brought about.
    emitter.on('state', (state) => {
      if (state.name === 'ended') {
        signal?.removeEventListener('abort', unsubscribe)
        const code = signal?.aborted ? 'aborted' : 'closed'
        reject(state.error ?? new HoldfastError(code, `what was asked of ${channel} was ended`, { channel }))
        if (state.error) emitter.emit('error', state.error)
      } else resolve(position() ?? '')
    })
  })
  // Nobody has to wait for it: a refusal is told by the state and the error event too.
  ready.catch(() => undefined)
  const position = (): Position | null => sub.position && formatPosition(sub.position)
  const unsubscribe = (): void => {
    env.registry.remove(sub, null)
    env.step()
  }
  const sub = newSub({ channel, ...start, emit: emitter.emit, ...given })
  env.add(sub)
  if (signal?.aborted) unsubscribe()
  else signal?.addEventListener('abort', unsubscribe)
  const subscription: Subscription = {
    channel,
    get position() {
      return position()
    },
    get state() {
      return sub.state
    },
    ready,
    on: emitter.on,
    unsubscribe,
  }
  return { subscription, sub }
}
