import type { Elsewhere, Row } from '../row.ts'
import { application } from './application.ts'
import { closing } from './closing.ts'
import { hubs } from './hubs.ts'
import { proxies } from './proxies.ts'
import { silence } from './silence.ts'

const byNumber = ({ id: a }: { id: string }, { id: b }: { id: string }): number =>
  Number(a.slice(1)) - Number(b.slice(1))

export const ROWS: readonly Row[] = [...closing, ...silence, ...proxies, ...hubs, ...application].sort(byNumber)

/** What needs another program, a browser, or a store that is not there yet. */
export const ELSEWHERE: readonly Elsewhere[] = [
  { id: 'F9', what: 'silent connections are cut', where: 'middleboxes/' },
  { id: 'F18', what: 'frozen, hidden and sleeping pages, clocks that jump', where: 'e2e/, src/client/wake.test.ts' },
  { id: 'F22', what: 'Redis fails', where: 'not there yet: needs a store on several machines' },
  { id: 'F27', what: 'seven tabs', where: 'e2e/page-life.spec.ts' },
  { id: 'F28', what: 'pages that may not, or lack something', where: 'e2e/page-life.spec.ts' },
]
