import { HoldfastError } from '../base/errors.ts'
import { isChannelName } from '../protocol/channel-name.ts'
import { PRESENCE } from '../protocol/frames.ts'
import type { PresenceEntry } from '../protocol/frames.ts'
import { internals } from './client.ts'
import type { Part } from './driver.ts'
import { createEmitter } from './emitter.ts'
import type { Member, Presence, PresenceEvents, PresenceOf } from './presence-types.ts'
import { check, createSubscription } from './public-subscription.ts'
import type { Message, Subscription } from './types.ts'

/** More than a hub shows. */
const MAX_MEMBERS = 10_000

type Of = Pick<Subscription, 'channel' | 'state' | 'on'>

/** What the client does for one subscription: it says that it is still there when it is time, and at the end that it goes. */
type Seen = Required<Part>

/**
 * The presence of a client's subscriptions, for those of `holdfast/core`: `createPresence(client)(subscription)`. To be seen is a publish that is repeated,
 * and who is seen is read in a channel of the hub's own (PROTOCOL.md §8.14, §8.15).
 */
export const createPresence = (client: object): PresenceOf => {
  const env = internals.get(client)
  if (!env) throw new TypeError('client: it was not made by createClient of this package')
  const { clock, live, outbox, timing } = env
  const presences = new WeakMap<Of, Presence>()
  /** Of subscriptions that go on. */
  const open = new Set<Seen>()
  env.parts.push({
    pump: () => Math.min(...[...open].map((part) => part.pump())),
    parting: () => open.forEach((part) => part.parting()),
  })

  const create = (subscription: Of): Presence => {
    const { channel } = subscription
    const name = PRESENCE + channel
    check(channel, isChannelName(name), 'channel', `of ${256 - PRESENCE.length} bytes at most, for presence`)
    const emitter = createEmitter<PresenceEvents>((cause) => env.report(cause, channel))
    const known = new Map<string, Member>()
    /** Those who were there before a gap, and have not been named after it. */
    let unseen = new Set<string>()
    /** Made when it is asked for, and until the next change. */
    let members: readonly Member[] | undefined
    /** What is shown of this client. */
    let shown: { readonly data: unknown } | undefined
    /** Clock at which that is said again. */
    let dueMs = 0
    /** How many publishes have no answer yet. */
    let busy = 0
    let ready: Promise<void> | undefined
    let stopReading = (): void => {}

    const tell = (event: 'join' | 'update' | 'leave', member: Member): void => {
      members = undefined
      emitter.emit(event, member)
    }
    const drop = (id: string): void => {
      const member = known.get(id)
      known.delete(id)
      if (member) tell('leave', member)
    }
    const take = ({ data: entry, sender: userId, own, timeMs }: Message): void => {
      const { id, data } = Object(entry) as PresenceEntry
      const before = known.get(id)
      unseen.delete(id)
      if (data === undefined) drop(id)
      else if (before || known.size < MAX_MEMBERS) {
        const member = { id, userId, data, own, timeMs }
        known.set(id, member)
        if (!before) tell('join', member)
        // Those who stayed are named again after a gap, and those who were gone for a moment.
        else if (JSON.stringify([data, userId]) !== JSON.stringify([before.data, before.userId])) tell('update', member)
      }
    }
    /** Begins to read who is there: a client that is only seen does not. */
    const read = (): Promise<void> => {
      ready ??= new Promise((resolve, reject) => {
        const { subscription: reads } = createSubscription(
          env,
          name,
          take,
          { from: 'earliest' },
          {
            moved() {
              unseen = new Set(known.keys())
              // The hub may have lost this client too.
              dueMs = 0
            },
            caughtUp() {
              unseen.forEach(drop)
              unseen.clear()
              resolve()
            },
          },
        )
        reads.ready.catch(reject)
        stopReading = reads.unsubscribe
      })
      // Nobody has to wait for it.
      ready.catch(() => undefined)
      return ready
    }

    const say = async (what: typeof shown): Promise<void> => {
      busy++
      try {
        dueMs = clock.now() + timing.presenceMs
        await outbox.publish(name, what ?? null, {})
      } catch (error) {
        const { retryable, code } = error as HoldfastError
        // It will not do later either.
        if (!retryable && code !== 'unknown' && shown === what) shown = undefined
        throw error
      } finally {
        busy--
        env.step()
      }
    }
    const part: Seen = {
      pump() {
        if (!shown || busy) return Infinity
        if (dueMs > clock.now()) return dueMs
        say(shown).catch((error: unknown) => {
          if (!shown) emitter.emit('error', error as HoldfastError)
        })
        return Infinity
      },
      parting() {
        if (!shown || !live.hello) return
        const frame = outbox.single(name, null)
        if (live.carrier?.duplex) live.carrier.send([frame]).catch(() => undefined)
        // Firefox closes WebSockets, and ends requests, before it tells a page that it goes.
        env.part?.(env.url, `[${live.hello()},${frame}]`)
        dueMs = 0
      },
    }
    open.add(part)
    subscription.on('state', ({ name: state }) => {
      if (state !== 'ended') return
      open.delete(part)
      stopReading()
      // After `close()` there is nobody who would take it.
      if (live.state.name !== 'closed') leave().catch(() => undefined)
    })
    const leave = async (): Promise<void> => {
      const was = shown
      shown = undefined
      if (was) await say(shown)
    }

    return {
      get members() {
        void read()
        return (members ??= [...known.values()])
      },
      get ready() {
        return read()
      },
      async enter(data = null) {
        if (subscription.state.name === 'ended')
          throw new HoldfastError('closed', `${channel}: it is not subscribed to`, { channel })
        let json: string | undefined
        try {
          json = JSON.stringify({ data })
        } finally {
          check(channel, json !== undefined && json !== '{}', 'data', 'JSON')
        }
        // What becomes of `data` later is not shown.
        shown = JSON.parse(json) as { readonly data: unknown }
        await say(shown)
      },
      leave,
      on(event, listener) {
        if (event !== 'error') void read()
        return emitter.on(event, listener)
      },
    }
  }

  return <Data>(subscription: Of) => {
    const presence = presences.get(subscription) ?? create(subscription)
    presences.set(subscription, presence)
    return presence as Presence<Data>
  }
}
