import { joinBatch, splitBatch } from './batch-text.ts'
import { typeOf } from './frame-types.ts'
import type { Link } from './link.ts'
import { isSpent } from './rule-table.ts'
import type { ActiveRule } from './rule-table.ts'
import type { ActionOf, Direction, FrameFields } from './rule.ts'

type Rewriting = ActionOf<'inject' | 'replace'>

/** Lets the rules with `inject` and `replace` act on one batch. Undefined when it stays as it is. */
export function rewriteBatch(link: Link, direction: Direction, text: string): string | undefined {
  if (!link.rules.wantsRewriting(link, direction)) return undefined
  const batch = splitBatch(text)
  if (batch === undefined) return undefined
  let frames = batch.frames
  // Each rule sees what the rules before it made, and never its own frames: so there is an end.
  for (const active of [...link.rules.all()]) {
    const { action } = active.rule
    if (action.type !== 'inject' && action.type !== 'replace') continue
    if (!isDue(active, link, direction)) continue
    frames = frames.flatMap((frame) => (takes(active, link, direction, frame) ? rewritten(action, frame) : [frame]))
  }
  return same(frames, batch.frames) ? undefined : joinBatch(frames, batch.isArray)
}

function isDue(active: ActiveRule, link: Link, direction: Direction): boolean {
  const { match } = active.rule
  if (!link.rules.concerns(active, link) || (match.direction ?? direction) !== direction) return false
  if (match.afterMs !== undefined && performance.now() - link.openedMs < match.afterMs) return false
  // As everywhere: without a direction, bytes are those of the answer.
  const passed = link[match.direction ?? 'down']?.passed ?? 0
  return match.afterBytes === undefined || passed >= match.afterBytes
}

/** Counts a frame, and says whether the rule acts on it. */
function takes(active: ActiveRule, link: Link, direction: Direction, frame: string): boolean {
  const { frame: type, nth } = active.rule.match
  if (isSpent(active) || typeOf(JSON.parse(frame)) !== type) return false
  active.seen++
  if (nth !== undefined && active.seen !== nth) return false
  active.fired++
  link.fired(active, direction, type)
  return true
}

function rewritten(action: Rewriting, frame: string): readonly string[] {
  if (action.type === 'inject') {
    const extra = JSON.stringify(action.frame)
    return action.where === 'before' ? [extra, frame] : [frame, extra]
  }
  if ('frame' in action) return [JSON.stringify(action.frame)]
  // Spread makes own properties, so a field `__proto__` is one like any other.
  return [JSON.stringify({ ...(JSON.parse(frame) as FrameFields), ...action.set })]
}

function same(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((frame, at) => frame === others[at])
}
