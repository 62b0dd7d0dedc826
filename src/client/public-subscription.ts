import { HoldfastError } from '../base/errors.ts'
import type { Start } from '../protocol/frames.ts'
import { isChannelName } from '../protocol/channel-name.ts'
import { formatPosition, parsePosition } from '../protocol/position.ts'
import { createEmitter } from './emitter.ts'
import type { Sub, SubEvents } from './subscriptions.ts'
import type { Message, Position, SubscribeOptions, Subscription } from './types.ts'

/** The start of a subscription from its option. Throws `invalid-argument`, naming what is wrong with it. */
const startFrom = (channel: unknown, from: SubscribeOptions['from'] = 'latest'): Start => {
  const bad = (field: string, why: string): HoldfastError =>
    new HoldfastError('invalid-argument', `subscribe to ${String(channel)}: ${field} ${why}`, { field })
  if (typeof channel !== 'string' || !isChannelName(channel)) {
    throw bad('channel', 'must be 1 to 256 bytes without control characters')
  }
  if (from === 'latest' || from === 'earliest') return from
  // Callers without types come here too.
  const { last, after } = Object(from) as { readonly last?: unknown; readonly after?: unknown }
  if (typeof after === 'string' && parsePosition(after)) return { after }
  if (after !== undefined) throw bad('from.after', 'must be a position that a message, gap or publish gave')
  if (typeof last === 'number' && Number.isInteger(last) && last >= 0 && last <= 10_000) return { last }
  if (last !== undefined) throw bad('from.last', 'must be a whole number from 0 to 10000')
  throw bad('from', "must be 'latest', 'earliest', { last } or { after }")
}

export interface SubscriptionEnv {
  /** Hands it to the registry and asks for it; may be undone by `remove`. */
  add(sub: Sub): void
  remove(sub: Sub): void
  /** It was paused, and may read on. */
  resume(sub: Sub): void
  report(cause: unknown, channel: string): void
}

/** Makes the public object around a subscription. What `listener` returns is not awaited, but its rejection is reported (R21). */
export const createSubscription = (
  env: SubscriptionEnv,
  channel: string,
  listener: (message: Message) => unknown,
  { from, signal }: SubscribeOptions,
  limit?: number,
): { readonly subscription: Subscription; readonly sub: Sub } => {
  const start = startFrom(channel, from)
  const given = typeof start === 'object' && 'after' in start ? parsePosition(start.after) : null
  const emitter = createEmitter<SubEvents>((cause) => env.report(cause, channel))
  emitter.on('message', listener)
  let resolve: (position: Position) => void
  let reject: (error: HoldfastError) => void
  const ready = new Promise<Position>((yes, no) => {
    resolve = yes
    reject = no
  })
  // Nobody has to wait for it: a refusal is told by the state and the error event too.
  ready.catch(() => undefined)
  const position = (): Position | null => sub.position && formatPosition(sub.position)
  const unsubscribe = (): void => env.remove(sub)
  const sub: Sub = {
    channel,
    start: given ? null : start,
    position: given,
    state: { name: 'pending' },
    behind: false,
    paused: false,
    held: [],
    sinceMs: 0,
    limit,
    emit: emitter.emit,
    changed() {
      const { state } = sub
      if (state.name === 'ended') {
        signal?.removeEventListener('abort', unsubscribe)
        reject(state.error ?? new HoldfastError('closed', `the subscription to ${channel} was ended`, { channel }))
        if (state.error) emitter.emit('error', state.error)
      } else resolve(position() ?? '')
      emitter.emit('state', state)
    },
  }
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
