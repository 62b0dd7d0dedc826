// @ts-check
// `npm run bench:sizing`: what a connection costs in memory, and what an append costs Redis, for the figures of docs/deploy.md.
//   --connections <n>   of each kind, 3000 unless told
// It needs a build, and redis-server for its second table.
import { parseArgs } from 'node:util'
import { Child } from './child.mjs'
import { spread } from './numbers.mjs'
import { redisLoad } from './redis-load.mjs'
import { machineFacts } from './report.mjs'

const { values } = parseArgs({ options: { connections: { type: 'string', default: '3000' } } })
const connections = Number(values.connections)
if (!(connections >= 100)) throw new Error(`--connections must be a number from 100, not ${values.connections}`)

const ROUNDS = 3
/** Opened before anything is measured: what is there once for all is no cost of one. */
const FIRST = 300

/** @typedef {{ name: string, wire: import('./clients.mjs').Wire, own?: boolean }} Kind */
/** @type {readonly Kind[]} */
const kinds = [
  { name: 'bare ws loop', wire: 'bare' },
  { name: 'WebSocket', wire: 'websocket' },
  { name: 'WebSocket, a channel each', wire: 'websocket', own: true },
  { name: 'SSE', wire: 'sse' },
  { name: 'long-poll', wire: 'long-poll' },
]

/** Bytes of one open connection that nothing is sent on. @param {Kind} kind */
const memoryOf = async ({ wire, own = false }) => {
  const script = wire === 'bare' ? 'bare-server.mjs' : 'holdfast-server.mjs'
  const server = new Child(script, { execArgv: ['--expose-gc'] })
  const { port } = await server.next()
  const readers = new Child('subscribers.mjs', { args: [wire, String(port), ...(own ? ['own'] : [])] })
  try {
    await readers.ask({ open: FIRST })
    await server.ask('memory')
    const before = await server.ask('memory')
    await readers.ask({ open: connections })
    await server.ask('memory')
    const after = await server.ask('memory')
    return { rss: (after.rss - before.rss) / connections, used: (after.used - before.used) / connections }
  } finally {
    await readers.stop()
    await server.stop()
  }
}

/** @param {number} bytes */
const kilobytes = (bytes) => (bytes / 1000).toFixed(1)

try {
  const facts = machineFacts()
  console.log(
    `${facts.date}, Node ${facts.node}, ${facts.cores} × ${facts.processor}, load ${facts.loadAtStart.toFixed(1)}\n`,
  )
  console.log(`Memory of one of ${connections} open connections, kB; medians of ${ROUNDS} (least–greatest)`)
  /** @type {Map<Kind, { rss: number, used: number }[]>} */
  const figures = new Map(kinds.map((kind) => [kind, []]))
  for (let round = 0; round < ROUNDS; round++) {
    for (const kind of kinds) figures.get(kind)?.push(await memoryOf(kind))
  }
  for (const [{ name }, all] of figures) {
    const used = spread(all.map((each) => each.used))
    const rss = spread(all.map((each) => each.rss))
    const range = `${kilobytes(used.median)} (${kilobytes(used.least)}–${kilobytes(used.greatest)})`
    console.log(`${name.padEnd(26)}  heap and buffers ${range.padEnd(20)}  resident ${kilobytes(rss.median)}`)
  }
  await redisLoad()
} catch (error) {
  console.error(`bench failed: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}
