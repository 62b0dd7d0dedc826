import type { Direction } from '../../fault-proxy/rule.ts'
import type { Cell } from '../cell.ts'
import type { Column } from '../columns.ts'
import type { Row } from '../row.ts'
import { ALL, blocks, HTTP, stepsDown } from './ways.ts'

const vanishes = (direction: Direction | 'both') => async (cell: Cell) => {
  await cell.joinWell()
  await cell.fault(`suppress ${direction}`, async () => {
    const id = cell.rule(cell.carrier, { type: 'suppress', direction }, 1)
    await cell.firedOf(id)
    // The rule is spent: the next link works. Noticing the silence is what takes the time.
    await cell.recover()
  })
  const { recoveredMs } = cell
  await cell.heal()
  cell.recoveredMs = recoveredMs
}

/** The wire stands still, and then everything flows: a cable, a tunnel, a process that was stopped. */
const stalls = (ms: number) => async (cell: Cell) => {
  await cell.joinWell()
  await cell.fault('stall', async () => {
    const id = cell.rule({ kind: 'tcp' }, { type: 'delay', ms: 600_000 })
    await cell.firedOf(id)
    await new Promise((resolve) => setTimeout(resolve, ms))
  })
  await cell.heal()
}

/** Nobody listens where the victim goes, until somebody does. */
const refuses = async (cell: Cell): Promise<void> => {
  const [, second] = cell.nodes
  if (!second) throw new Error('two hubs are needed')
  await second.crash()
  await cell.fault('refused', async () => {
    cell.join(second.url)
    await cell.waits()
    await cell.until('three tries', () => cell.facts.filter(({ code }) => code === 'failed').length >= 3)
    return cell.facts.filter(({ code }) => code === 'failed').length
  })
  await cell.startAgain(second)
  await cell.recover()
}

const ALONE: readonly Column[] = ['W', ...HTTP]

export const silence: readonly Row[] = [
  {
    id: 'F3',
    what: 'a link that worked goes silent',
    gate: true,
    cases: [
      { name: 'down', columns: ALL, run: vanishes('down') },
      { name: 'up', columns: ['W', 'A'], run: vanishes('up') },
      { name: 'both', columns: ALL, run: vanishes('both') },
    ],
  },
  {
    id: 'F4',
    what: 'it opens and stays mute',
    gate: true,
    cases: [
      { name: 'suppress', columns: ALONE, run: blocks({ type: 'suppress' }) },
      { name: 'WebSocket', columns: ['A'], run: stepsDown({ type: 'suppress' }) },
      { name: 'WebSocket and SSE', columns: ['A'], run: stepsDown({ type: 'suppress' }, 'long-poll') },
      { name: 'all that lasts', columns: ['A'], run: stepsDown({ type: 'suppress' }, 'poll') },
    ],
  },
  {
    id: 'F5',
    what: 'it is accepted and never answered',
    gate: true,
    cases: [
      { name: 'hang', columns: ALONE, run: blocks({ type: 'hang' }) },
      { name: 'WebSocket', columns: ['A'], run: stepsDown({ type: 'hang' }) },
      { name: 'WebSocket and SSE', columns: ['A'], run: stepsDown({ type: 'hang' }, 'long-poll') },
      { name: 'everything', columns: ['A'], run: blocks({ type: 'hang' }) },
    ],
  },
  {
    id: 'F6',
    what: 'nobody listens there',
    gate: false,
    cases: [{ name: 'a closed port', columns: ALL, options: { nodes: 2 }, run: refuses }],
  },
  {
    id: 'F12',
    what: 'the wire stands still for 0.1, 0.5, 4 and 13 s, which stand for 1, 5, 40 and 130',
    gate: false,
    cases: [
      ...[100, 500, 4_000].map((ms) => ({ name: `${ms} ms`, columns: ALL, run: stalls(ms) })),
      {
        name: '13 s, more than history keeps',
        columns: ALL,
        // The time after which history ends is a tenth too.
        options: { history: { messages: 10_000, ageMs: 12_000 }, publishEveryMs: 300 },
        gaps: 'any',
        run: stalls(13_000),
      },
    ],
  },
]
