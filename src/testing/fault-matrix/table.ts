import { COLUMNS, COLUMN_NAMES } from './columns.ts'
import type { Column } from './columns.ts'
import type { Elsewhere } from './row.ts'

/** What one cell came to. */
export interface Outcome {
  readonly id: string
  /** Of the case. */
  readonly name: string
  readonly column: Column
  /** Reasons of the gaps that were handed over; empty: clean. Undefined: it failed. */
  readonly gaps: readonly string[] | undefined
  readonly recoveredMs: number
}

const cellText = (outcomes: readonly Outcome[]): string => {
  if (outcomes.length === 0) return '–'
  const failed = outcomes.filter(({ gaps }) => !gaps).length
  if (failed) return `${failed} FAILED`
  const reasons = [...new Set(outcomes.flatMap(({ gaps = [] }) => gaps))]
  const slowest = Math.max(...outcomes.map(({ recoveredMs }) => recoveredMs))
  return `${reasons.length ? `gap ${reasons.join('/')}` : 'clean'} ${(slowest / 1_000).toFixed(1)} s`
}

/** One line: a fault, or with `name` one case of it. */
export interface Line {
  readonly id: string
  readonly what: string
  readonly name?: string
}

const isIn =
  ({ id, name }: Line) =>
  (outcome: Outcome): boolean =>
    outcome.id === id && (name ?? outcome.name) === outcome.name

/** Fault × transport → clean or the gaps, and the longest time to recover. */
export const tableOf = (
  rows: readonly Line[],
  elsewhere: readonly Elsewhere[],
  outcomes: readonly Outcome[],
): string => {
  const head = ['fault', '', ...COLUMNS.map((column) => COLUMN_NAMES[column])]
  const lines = rows
    .map((row) => ({ ...row, its: outcomes.filter(isIn(row)) }))
    .filter(({ its }) => its.length > 0)
    .map(({ id, what, its }) => [
      id,
      what.length > 56 ? `${what.slice(0, 55)}…` : what,
      ...COLUMNS.map((column) => cellText(its.filter((each) => each.column === column))),
    ])
  const widths = head.map((_, index) => Math.max(...[head, ...lines].map((line) => line[index]?.length ?? 0)))
  const text = [head, ...lines].map((line) =>
    line
      .map((part, index) => part.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd(),
  )
  const failed = outcomes.filter(({ gaps }) => !gaps).length
  return [
    ...text,
    ...elsewhere.map(({ id, what, where }) => `${id}  ${what}: ${where}`),
    `${outcomes.length} runs, ${failed} failed`,
  ].join('\n')
}
