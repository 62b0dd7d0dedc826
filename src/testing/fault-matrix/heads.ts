import type { Subscription } from '../../client/types.ts'
import { parsePosition, samePlace } from '../../protocol/position.ts'
import type { Place } from '../../protocol/position.ts'

/** Whether an open subscription has not got so far yet; `exact`: it may not be elsewhere either, as on a branch that was lost. */
export const isBehind = (
  { state, position, channel }: Subscription,
  heads: ReadonlyMap<string, Place>,
  exact = false,
): boolean => {
  if (state.name === 'ended') return false
  const place = parsePosition(position ?? '')
  const head = heads.get(channel)
  if (!place || !head) return !place
  if (exact) return !samePlace(place, head)
  return place.epoch !== head.epoch || place.offset < head.offset
}
