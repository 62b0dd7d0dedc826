import type { Link } from './link.ts'
import type { Direction } from './rule.ts'

/** How one direction of a link is slowed down: the sum of the rules that took hold. */
export interface Shape {
  readonly delayMs: number
  /** Plus or minus. */
  readonly jitterMs: number
  readonly pieceBytes: number
  readonly gapMs: number
  readonly msPerByte: number
}

/** What `shapeOf` returns when no rule slows the link down: always this object. */
export const unshaped: Shape = Object.freeze({ delayMs: 0, jitterMs: 0, pieceBytes: Infinity, gapMs: 0, msPerByte: 0 })

/** Removed rules are no longer in the table, so a living link heals when they go. */
export function shapeOf(link: Link, direction: Direction): Shape {
  let shape = unshaped
  for (const id of link.claims.keys()) {
    const rule = link.rules.get(id)?.rule
    if (rule === undefined || (rule.match.direction ?? direction) !== direction) continue
    const { action } = rule
    if (action.type === 'delay') {
      shape = {
        ...shape,
        delayMs: shape.delayMs + action.ms,
        jitterMs: shape.jitterMs + (action.jitterMs ?? 0),
      }
    } else if (action.type === 'throttle') {
      // 20 pieces a second, so that a slow link trickles and does not come in lumps.
      const pieceBytes = Math.min(shape.pieceBytes, Math.max(1, Math.ceil(action.bytesPerSecond / 20)))
      shape = { ...shape, pieceBytes, msPerByte: Math.max(shape.msPerByte, 1000 / action.bytesPerSecond) }
    } else if (action.type === 'slice') {
      shape = {
        ...shape,
        pieceBytes: Math.min(shape.pieceBytes, action.bytes),
        gapMs: Math.max(shape.gapMs, action.gapMs ?? 2),
      }
    }
  }
  return shape
}
