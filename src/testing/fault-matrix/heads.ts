import type { Subscription } from '../../client/types.ts'
import { parsePosition } from '../../protocol/position.ts'
import type { Place } from '../../protocol/position.ts'
import type { Store } from '../../server/store.ts'

/** Where each log ends now. */
export const headsOf = async (store: Store, channels: readonly string[]): Promise<ReadonlyMap<string, Place>> => {
  const heads = new Map<string, Place>()
  for (const channel of channels) {
    const { after } = await store.read(channel, 'latest', { messages: 1, bytes: 1 })
    heads.set(channel, after)
  }
  return heads
}

/** Whether an open subscription has not got so far yet. */
export const isBehind = ({ state, position, channel }: Subscription, heads: ReadonlyMap<string, Place>): boolean => {
  if (state.name === 'ended') return false
  const place = parsePosition(position ?? '')
  const head = heads.get(channel)
  if (!place || !head) return !place
  return place.epoch !== head.epoch || place.offset < head.offset
}
