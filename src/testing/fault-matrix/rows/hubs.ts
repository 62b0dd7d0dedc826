import type { Store } from '../../../server/store.ts'
import { MemoryCellLog } from '../cell-log.ts'
import type { Cell } from '../cell.ts'
import type { Row } from '../row.ts'
import { ALL } from './ways.ts'

const second = ({ nodes }: Cell) => {
  const [, node] = nodes
  if (!node) throw new Error('two hubs are needed')
  return node
}

/** One of two hubs goes, while the other serves on; then it is back. */
const goes = (how: 'drain' | 'crash') => async (cell: Cell) => {
  await cell.joinWell()
  await cell.fault(how, async () => {
    const node = second(cell)
    await node[how]()
    await cell.caughtUp()
    await cell.flow(10)
    await cell.startAgain(node)
    return 1
  })
  await cell.recover()
}

/** One hub after the other is replaced, as a deployment does it. */
export const rolls = async (cell: Cell): Promise<void> => {
  await cell.joinWell()
  await cell.fault('rolling restart', async () => {
    const [, ...others] = cell.nodes
    for (const node of others) {
      await node.drain()
      await cell.startAgain(node)
      await cell.flow(5)
    }
    await others[0]?.crash()
    if (others[0]) await cell.startAgain(others[0])
    return others.length
  })
  await cell.recover()
}

/** The hub loses its memory: another log, and everybody is told. */
const forgets = async (cell: Cell): Promise<void> => {
  await cell.joinWell()
  await cell.fault('restart', async () => {
    await cell.node.crash()
    if (!(cell.log instanceof MemoryCellLog)) throw new Error('only a log in memory forgets')
    await cell.log.restart()
    await cell.startAgain(cell.node)
    return 1
  })
  await cell.recover()
}

/** The process is busy with something else, and hears nothing. */
const blocks = async (cell: Cell): Promise<void> => {
  await cell.joinWell()
  await cell.fault('event loop blocked', async () => {
    const until = performance.now() + 300
    while (performance.now() < until);
    return 1
  })
  await cell.recover()
}

/** The victim is away while more is published than history keeps, or for longer. */
const misses = (meanwhile: (cell: Cell) => Promise<void>) => async (cell: Cell) => {
  await cell.joinWell()
  await cell.fault('away', async () => {
    cell.rule({}, { type: 'refuse' })
    cell.faults.cut()
    await cell.until('the victim to be offline', () => cell.victim.state.name !== 'online')
    await meanwhile(cell)
  })
  await cell.heal()
  await cell.until('a gap for each subscription', () => cell.gaps.length >= 3)
}

let deaf = 0
/** A store whose notices are all lost. */
const deafStore = (store: Store): Store => ({
  append: (...append) => store.append(...append),
  read: (...read) => store.read(...read),
  watch: () => {
    deaf++
    return Promise.resolve(() => undefined)
  },
  announce: (text) => store.announce(text),
  hear: (heard) => store.hear(heard),
  close: () => store.close(),
})

/** What a hub holds of a channel beside the store would serve those who were away. */
const SHORT_TAILS = { limits: { tailMessages: 20 } }

export const hubs: readonly Row[] = [
  {
    id: 'F19',
    what: 'a hub drains, dies, or hears nothing for a while',
    gate: false,
    cases: [
      { name: 'drain', columns: ALL, options: { nodes: 2 }, run: goes('drain') },
      { name: 'crash', columns: ALL, options: { nodes: 2 }, run: goes('crash') },
      { name: 'blocked', columns: ALL, run: blocks },
    ],
  },
  {
    id: 'F20',
    what: 'the memory store is restarted',
    gate: true,
    cases: [{ name: 'restart', columns: ALL, gaps: ['epoch'], run: forgets }],
  },
  {
    id: 'F21',
    what: 'three hubs without stickiness are replaced one by one',
    gate: false,
    cases: [{ name: 'rolling restart', columns: ALL, options: { nodes: 3 }, run: rolls }],
  },
  {
    id: 'F25',
    what: 'history is over while the victim is away',
    gate: true,
    cases: [
      {
        name: 'by number',
        columns: ALL,
        options: { history: { messages: 100, ageMs: 3_600_000 }, hub: SHORT_TAILS },
        gaps: ['trimmed'],
        run: misses((cell) => cell.burst(150)),
      },
      {
        name: 'by age',
        columns: ALL,
        options: { history: { messages: 10_000, ageMs: 2_000 }, hub: SHORT_TAILS },
        // On a machine that stands still for two seconds more may be lost, and said.
        gaps: 'any',
        run: misses(async (cell) => {
          await cell.burst(30)
          await cell.allOlderThan(2_000)
          await cell.burst(30)
        }),
      },
    ],
  },
  {
    id: 'F33',
    what: 'all notices of the store are lost',
    gate: false,
    cases: [
      {
        name: 'deaf',
        columns: ALL,
        options: { eachStore: deafStore },
        run: async (cell) => {
          await cell.joinWell()
          await cell.fault('deaf', async () => {
            await cell.flow(20)
            await cell.caughtUp()
            return deaf
          })
          await cell.recover()
        },
      },
    ],
  },
]
