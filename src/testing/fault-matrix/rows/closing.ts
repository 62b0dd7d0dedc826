import type { Action } from '../../fault-proxy/rule.ts'
import type { Cell } from '../cell.ts'
import type { Column } from '../columns.ts'
import type { Row } from '../row.ts'
import { ALL, breaks, HTTP } from './ways.ts'

const CLOSE_CODES = [1000, 1001, 1011, 4000] as const

const closes = (code: number) => async (cell: Cell) => {
  await cell.joinWell()
  await cell.fault(`close ${code}`, async () => {
    cell.faults.cut({ kind: 'ws', code })
    await cell.saw({ kind: 'end', transport: 'websocket', status: code })
  })
  await cell.heal()
}

/** Bytes that the first answer of a link has at least: a welcome and messages; where it was held, perhaps one small message. */
const FIRST_ANSWER: Readonly<Record<Column, number>> = { W: 480, S: 480, L: 240, P: 360, A: 0 }

const LONG = 'x'.repeat(400)

/** Clients at once; more would keep a slow machine busy with themselves. */
const CROWD = 20

/** First answers are cut, one after each number of bytes. */
const everyByte = (step: number) => async (cell: Cell) => {
  const most = FIRST_ANSWER[cell.column]
  const pending = Array.from({ length: most / step }, (_, index) => (index + 1) * step)
  let crowds = Math.ceil(pending.length / CROWD) * 3
  await cell.burst(20)
  await cell.fault('reset', async () => {
    while (pending.length) {
      if (crowds-- === 0) throw new Error(`never cut after ${pending.join()} bytes`)
      pending.push(...(await crowd(cell, pending.splice(0, CROWD))))
    }
  })
  await cell.heal()
}

/** As many clients as cuts. Resolves with the cuts that met no answer: a client may have given up on its link before. */
const crowd = async (cell: Cell, cuts: readonly number[]): Promise<number[]> => {
  const rules = cuts.map((bytes, index) => cell.rule({ ...cell.carrier, nth: index + 1 }, { type: 'reset', bytes }))
  // So many clients at once are slow by themselves.
  const victims = rules.map(() => cell.visitor({ firstRead: false, timing: { connectMs: 8_000, maxBackoffMs: 8_000 } }))
  for (const victim of victims) cell.subscribe(victim, 'a', { from: 'earliest' })
  const fired = new Set<number>()
  const stop = cell.faults.on('event', ({ kind, rule = 0 }) => kind === 'fault' && fired.add(rule))
  const deadline = performance.now() + 3_000
  while (!rules.every((id) => fired.has(id)) && performance.now() < deadline) {
    // An answer that was held is as long as what it waited for.
    await cell.burst(1, LONG)
    await cell.flow(1)
  }
  await cell.caughtUp()
  stop()
  for (const victim of victims) victim.close()
  cell.faults.clear()
  // The next ones are counted from the first, so nothing may be left of these.
  await cell.until('the links to be gone', () => cell.exchanges.size === 0)
  return cuts.filter((_, index) => !fired.has(rules[index] ?? 0))
}

const limit = (action: Action, columns: readonly Column[]) => ({
  name: JSON.stringify(action),
  columns,
  run: breaks(action, 3),
})

export const closing: readonly Row[] = [
  {
    id: 'F1',
    what: 'the connection ends in good order',
    gate: true,
    cases: [
      { name: 'FIN', columns: ALL, run: breaks({ type: 'fin', bytes: 0 }) },
      ...CLOSE_CODES.map((code) => ({ name: `close ${code}`, columns: ['W', 'A'] as const, run: closes(code) })),
    ],
  },
  {
    id: 'F2',
    what: 'RST at every byte of an answer',
    gate: true,
    cases: [
      {
        name: 'reset',
        columns: ['W', 'S', 'L', 'P'],
        options: { publishEveryMs: 400 },
        run: everyByte(process.env['FULL'] ? 1 : 12),
      },
      { name: 'reset', columns: ['A'], run: breaks({ type: 'reset', bytes: 100 }, 3) },
    ],
  },
  {
    id: 'F10',
    what: 'an answer is ended after n bytes or ms',
    gate: false,
    cases: [
      limit({ type: 'limit', bytes: 3_000 }, ['W', 'S', 'A']),
      limit({ type: 'limit', bytes: 300 }, ['L', 'P']),
      limit({ type: 'limit', ms: 200 }, ['W', 'S', 'A']),
      // With messages all the time no hold would last so long.
      {
        name: 'held for 300 ms at most',
        columns: ['L'],
        options: { publishEveryMs: 2_000 },
        run: breaks({ type: 'limit', ms: 300 }, 2),
      },
    ],
  },
  {
    id: 'F13',
    what: 'every TCP connection is killed at once',
    gate: false,
    cases: [
      {
        name: 'reset',
        columns: ALL,
        run: async (cell) => {
          await cell.joinWell()
          await cell.fault('cut', async () => {
            // Interval polls have a connection now and then only.
            await cell.until('a connection to cut', () => cell.faults.cut({ kind: 'tcp' }) > 0)
          })
          await cell.heal()
        },
      },
    ],
  },
  {
    id: 'F17',
    what: 'answers come late and out of order',
    gate: false,
    cases: [
      {
        name: 'reorder',
        columns: HTTP,
        run: async (cell) => {
          await cell.joinWell()
          await cell.fault('reorder', async () => {
            const path = cell.column === 'S' ? '/publish' : '/poll'
            await cell.firedOf(cell.rule({ path }, { type: 'reorder' }, 3))
            await cell.flow(20)
          })
          await cell.heal()
        },
      },
    ],
  },
]
