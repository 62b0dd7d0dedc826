import type { Cell, CellOptions } from './cell.ts'
import type { Column } from './columns.ts'

/** One way to make a fault, and the columns under which it is tried. */
export interface Case {
  readonly name: string
  /** Of a row that is not part of `npm test`: under these columns this one is. */
  readonly gate?: readonly Column[]
  readonly columns: readonly Column[]
  readonly options?: CellOptions
  /** Makes the fault, proves that it fired, and leaves a network that works again. */
  readonly run: (cell: Cell) => Promise<void>
  /** G: what each subscription of the victim is handed, exactly; 'any': the checker alone says whether a gap was due. @default none */
  readonly gaps?: readonly string[] | 'any'
}

/** One fault of the matrix. */
export interface Row {
  readonly id: `F${number}`
  readonly what: string
  /** Part of `npm test`; the others run in `npm run test:full`. */
  readonly gate: boolean
  readonly cases: readonly Case[]
}

/** A fault that is proven elsewhere, with other means: which test files say so. */
export interface Elsewhere {
  readonly id: `F${number}`
  readonly what: string
  readonly where: string
}
