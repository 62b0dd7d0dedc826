import type { Link } from './link.ts'
import { framesMatch } from './rule-table.ts'
import type { ActiveRule } from './rule-table.ts'
import type { Direction } from './rule.ts'

/** A WebSocket gets its 101 also from a mute proxy: "open and stay mute" is the case worth testing. */
export type Moment = 'upgrade' | 'head' | 'data'

/** Where one direction of a link stands. */
export interface LanePosition {
  readonly link: Link
  readonly direction: Direction
  readonly passed: number
  readonly moment: Moment
}

const answerOnly: ReadonlySet<string> = new Set(['oneBehind', 'bufferAll', 'limit'])

/** True when the rule takes hold here and now. */
export function begins(active: ActiveRule, position: LanePosition, types: readonly string[]): boolean {
  const { link, direction, passed, moment } = position
  const { match, action } = active.rule
  if (judgedIn(active, direction) !== direction) return false
  if (moment === 'upgrade' && !['delay', 'bufferAll'].includes(action.type)) return false
  if (match.afterBytes !== undefined && (moment !== 'data' || passed < match.afterBytes)) return false
  if (match.afterMs !== undefined && performance.now() - link.openedMs < match.afterMs) return false
  return framesMatch(active, types)
}

/** An answer is what one counts bytes of, if nothing else is said. */
function judgedIn({ rule: { match, action } }: ActiveRule, direction: Direction): Direction {
  if (match.direction !== undefined) return match.direction
  return match.afterBytes !== undefined || answerOnly.has(action.type) ? 'down' : direction
}

/** Bytes until a rule begins or a cut is due; infinite when there is none ahead. */
export function nextBoundary(position: LanePosition): number {
  const { link, direction, passed } = position
  let next = Infinity
  for (const active of link.rules.all()) {
    if (active.stage !== 'bytes' || !link.rules.concerns(active, link)) continue
    const begun = link.claims.has(active.id)
    const begins = judgedIn(active, direction) === direction ? active.rule.match.afterBytes : undefined
    const at = begun ? cutAt(active, position) : begins
    if (at !== undefined && at > passed) next = Math.min(next, at - passed)
  }
  return next
}

/** The byte behind which an end is due. */
export function cutAt(active: ActiveRule, { link, direction }: LanePosition): number | undefined {
  const { match, action } = active.rule
  if (action.type !== 'fin' && action.type !== 'reset' && action.type !== 'limit') return undefined
  const claim = link.claims.get(active.id)
  if (claim === undefined || action.bytes === undefined) return undefined
  return (match.direction ?? 'down') === direction ? claim[direction] + action.bytes : undefined
}

/** Which kind of holding back is on, if any. */
export function holding(link: Link, direction: Direction): 'oneBehind' | 'bufferAll' | undefined {
  if (direction === 'up') return undefined
  let found: 'oneBehind' | 'bufferAll' | undefined
  for (const id of link.claims.keys()) {
    const type = link.rules.get(id)?.rule.action.type
    if (type === 'bufferAll') return type
    if (type === 'oneBehind') found = type
  }
  return found
}
