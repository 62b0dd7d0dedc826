import type { Elsewhere, Row } from '../row.ts'
import { application } from './application.ts'
import { closing } from './closing.ts'
import { hubs } from './hubs.ts'
import { proxies } from './proxies.ts'
import { silence } from './silence.ts'
import { tokens } from './tokens.ts'

const byNumber = ({ id: a }: { id: string }, { id: b }: { id: string }): number =>
  Number(a.slice(1)) - Number(b.slice(1))

export const ROWS: readonly Row[] = [...closing, ...silence, ...proxies, ...hubs, ...application, tokens].sort(byNumber)

/** What needs another program or a browser. */
export const ELSEWHERE: readonly Elsewhere[] = [
  { id: 'F9', what: 'silent connections are cut', where: 'middleboxes/' },
  { id: 'F18', what: 'frozen, hidden and sleeping pages, clocks that jump', where: 'e2e/, src/client/wake.test.ts' },
  { id: 'F22', what: 'three hubs, and their Redis fails', where: 'src/testing/fault-matrix/redis-matrix.int.test.ts' },
  { id: 'F27', what: 'seven tabs', where: 'e2e/page-life.spec.ts' },
  { id: 'F28', what: 'pages that may not, or lack something', where: 'e2e/page-life.spec.ts' },
  {
    id: 'F35',
    what: 'three hubs, and their Redis Cluster fails',
    where: 'src/testing/fault-matrix/redis-cluster-matrix.int.test.ts',
  },
]
