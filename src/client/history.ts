import { parsePosition } from '../protocol/position.ts'
import { createCatchUp } from './catch-up.ts'
import { internals } from './client.ts'
import type { History, HistoryOptions, HistoryPage } from './history-types.ts'
import type { Live } from './live.ts'
import { A_POSITION, check, createSubscription } from './public-subscription.ts'
import { openSession } from './session.ts'
import { createRegistry } from './subscriptions.ts'
import type { Ask } from './subscriptions.ts'
import type { Client, Gap, Message, Untyped } from './types.ts'

/** Channels of one request; a hub serves more of them. */
const MAX_ASKS = 100

/**
 * The `history` of a client, for those of `holdfast/core`. A page (PROTOCOL.md §3.16) is a subscription that is behind from the start, in a
 * registry which no link serves: so a short read serves it, and it ends with the first answer.
 */
export const createHistory = <Ch extends object = Untyped>(client: Client<Ch>): History<Ch> => {
  const env = internals.get(client)
  if (!env) throw new TypeError('client: it was not made by createClient of this package')
  /** Pages have a pace of their own; for the rest it is how the client stands. */
  const live = Object.assign(Object.create(env.live) as Live, { catchUpMs: 0 })
  const registry = createRegistry(live)
  /** What the read that runs asks for. */
  let asked: Ask[] = []
  const readEnv = { ...env, registry }
  const reads = createCatchUp({
    ...readEnv,
    live,
    asks() {
      const channels = env.channels(registry)
      const open = registry.catchUps().filter(({ channel, only }) => only?.start && channels.includes(channel))
      return (asked = open.slice(0, MAX_ASKS))
    },
    open: (asks, ended, carrier) =>
      openSession(readEnv, { id: 0, transport: env.reader ?? carrier.transport, read: true, asks: () => asks, ended }),
  })
  env.parts.push({
    pump() {
      // Nobody waits for it any more.
      if (asked.every(({ only }) => only?.state.name === 'ended')) reads.stop()
      return reads.pump()
    },
  })
  client.on('state', ({ name }) => {
    if (name === 'idle') reads.stop()
    if (name === 'closed') registry.end(null)
  })

  const history = async (channel: string, options: HistoryOptions = {}): Promise<HistoryPage> => {
    const { before, limit = 50 } = options
    const position = parsePosition(before ?? '')
    check(channel, before === undefined || !!position, 'before', A_POSITION)
    check(channel, Number.isInteger(limit) && limit > 0 && limit <= 1000, 'limit', 'a whole number from 1 to 1000')
    const messages: Message[] = []
    let gap: Gap | undefined
    const push = (message: Message): unknown => messages.push(message)
    const { sub, subscription } = createSubscription(readEnv, channel, push, options, {
      start: { last: limit, before: before ?? 'end' },
      position,
      behind: true,
      sinceMs: Infinity,
    })
    subscription.on('gap', (found) => (gap = found))
    await subscription.ready
    // As long as there is more it is behind.
    const more = !gap && sub.behind
    subscription.unsubscribe()
    return { messages, more, gap }
  }
  return history as History<Ch>
}
