import type { Action } from '../../fault-proxy/rule.ts'
import type { Cell } from '../cell.ts'
import { COLUMNS } from '../columns.ts'
import type { Column } from '../columns.ts'

export const ALL = COLUMNS
/** Those that speak HTTP by themselves. */
export const HTTP: readonly Column[] = ['S', 'L', 'P']

type Run = (cell: Cell) => Promise<void>

/** Warm: the links that carry messages are broken one after the other, until it was so often. */
export const breaks =
  (action: Action, times = 2): Run =>
  async (cell) => {
    await cell.joinWell()
    await cell.fault(action.type, async () => cell.firedOf(cell.rule(cell.carrier, action), times))
    await cell.heal()
  }

/** Warm: all traffic of the victim is like that, for so many messages. */
export const shapes =
  (action: Action, messages = 40): Run =>
  async (cell) => {
    await cell.joinWell()
    await cell.fault(action.type, async () => {
      const id = cell.rule({}, action)
      await cell.flow(messages)
      await cell.firedOf(id)
    })
    await cell.heal()
  }

/** Cold: nothing that the victim tries gets through; it says so, tries again, and works as soon as the fault is gone. */
export const blocks =
  (action: Action): Run =>
  async (cell) => {
    await cell.fault(action.type, async () => {
      const id = cell.rule({}, action)
      cell.join()
      await cell.waits()
      await cell.firedOf(id, 2)
    })
    await cell.heal()
  }

/** Cold, ladder: what is preferred does not work, the next one carries; the preferred one comes back when it can. */
export const stepsDown =
  (action: Action, to: 'sse' | 'long-poll' | 'poll' = 'sse'): Run =>
  async (cell) => {
    await cell.fault(action.type, async () => {
      const ids = [cell.rule({ kind: 'ws' }, action)]
      if (to !== 'sse') ids.push(cell.rule({ path: '/stream' }, action))
      if (to === 'poll') ids.push(cell.rule({ path: '/poll', held: true }, action))
      cell.join()
      await cell.carriedBy(to)
      await cell.caughtUp()
      for (const id of ids) await cell.firedOf(id)
    })
    await cell.heal()
    await cell.carriedBy('websocket')
  }
