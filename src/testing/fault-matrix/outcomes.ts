import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { keepResult } from '../keep-result.ts'
import type { Column } from './columns.ts'
import type { Elsewhere } from './row.ts'
import { tableOf } from './table.ts'
import type { Line, Outcome } from './table.ts'

const FOLDER = 'test-results/outcomes'

/**
 * What the cells of a table came to. In a run of the rest after an everyday one (`--rest` of scripts/test.mjs) those that passed in that
 * one are in it from the beginning: they need not run again, and the table is whole.
 */
export class Outcomes {
  readonly #name: string
  readonly #before: readonly Outcome[]
  readonly #now: Outcome[] = []

  constructor(name: string) {
    this.#name = name
    const file = `${FOLDER}/${name}.json`
    const known = process.env['REST'] === '1' && existsSync(file)
    const before = known ? (JSON.parse(readFileSync(file, 'utf8')) as readonly Outcome[]) : []
    this.#before = before.filter(({ gaps }) => gaps)
  }

  push(outcome: Outcome): void {
    this.#now.push(outcome)
  }

  /** Whether the cell passed in the run before this one. */
  isDone(id: string, name: string, column: Column): boolean {
    return this.#before.some((each) => each.id === id && each.name === name && each.column === column)
  }

  /** Says the table of all of them, and leaves it for the end of a full run. */
  keep(rows: readonly Line[], elsewhere: readonly Elsewhere[]): void {
    const all = [...this.#before, ...this.#now]
    mkdirSync(FOLDER, { recursive: true })
    writeFileSync(`${FOLDER}/${this.#name}.json`, JSON.stringify(all))
    const text = tableOf(rows, elsewhere, all)
    keepResult(this.#name, text)
    console.log(text)
  }
}
