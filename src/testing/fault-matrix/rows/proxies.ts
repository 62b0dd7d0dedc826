import type { Action } from '../../fault-proxy/rule.ts'
import type { Cell } from '../cell.ts'
import type { Case, Row } from '../row.ts'
import { ALL, blocks, breaks, HTTP, shapes, stepsDown } from './ways.ts'

const HTML = { 'content-type': 'text/html; charset=utf-8' }
const page = (title: string): string => `<!doctype html><title>${title}</title>`

/** Answers of somebody on the way, as they are in life. */
const STRANGERS: readonly (readonly [status: number, headers?: Readonly<Record<string, string>>])[] = [
  [200],
  [204],
  [302, { location: '/login' }],
  [401],
  [403],
  [407, { 'proxy-authenticate': 'Basic realm="proxy"' }],
  [408],
  [413],
  [429],
  [500],
  [502],
  [503],
  [504],
]
/** The everyday run has one of each kind. */
const TYPICAL = [200, 302, 407, 413, 429, 502, 503]
const statuses = process.env['FULL'] ? STRANGERS : STRANGERS.filter(([status]) => TYPICAL.includes(status))

const answers = ([status, headers]: (typeof STRANGERS)[number]): Action => ({
  type: 'respond',
  status,
  headers: { ...HTML, ...headers },
  ...(status !== 204 && { body: page(`Answer ${status}`) }),
})

/** Warm: a few requests of this path are answered by a stranger. */
const onPath = (path: string, action: Action) => async (cell: Cell) => {
  await cell.joinWell()
  await cell.fault(`${path} ${action.type}`, async () => cell.firedOf(cell.rule({ path }, action, 2), 2))
  await cell.heal()
}

const strangers: readonly Case[] = statuses.flatMap((stranger): Case[] => {
  const [status] = stranger
  const action = answers(stranger)
  return [
    { name: `${status} on connect`, columns: ALL, run: blocks(action) },
    { name: `${status} for WebSocket`, columns: ['A'], run: stepsDown(action) },
    { name: `${status} for a poll`, columns: ['L', 'P'], run: onPath('/poll', action) },
    { name: `${status} for a publish`, columns: HTTP, run: onPath('/publish', action) },
  ]
})

/** A cache hands out what it had, with the nonce of another question. */
const stale = async (cell: Cell): Promise<void> => {
  await cell.joinWell()
  await cell.fault('stale', async () => {
    const id =
      cell.column === 'S'
        ? cell.rule({ frame: 'welcome', path: '/stream' }, { type: 'replace', set: { nonce: 'of-another' } }, 2)
        : cell.rule({ path: '/poll' }, { type: 'replayPrevious' }, 3)
    if (cell.column === 'S') cell.faults.cut({ path: '/stream' })
    await cell.firedOf(id, 2)
  })
  await cell.heal()
}

/** Reading works, publishing does not. The good reader hides nothing of it, and nothing is lost when it is over. */
const mutePublisher = (action: Action) => async (cell: Cell) => {
  await cell.joinWell()
  await cell.fault(`/publish ${action.type}`, async () => {
    const id = cell.rule({ path: '/publish' }, action)
    await cell.firedOf(id, 2)
    await cell.flow(30)
    // B: a failing publish backs off by itself, whatever else works.
    const tries = cell.faults.log.filter(({ kind, rule }) => kind === 'fault' && rule === id).length
    expectFew(tries)
  })
  await cell.heal()
}

const expectFew = (tries: number): void => {
  if (tries > 20) throw new Error(`${tries} requests to a publish that fails, in the time of thirty messages`)
}

export const proxies: readonly Row[] = [
  {
    id: 'F7',
    what: 'Upgrade is stripped',
    gate: true,
    cases: [
      { name: '426', columns: ['W'], run: blocks({ type: 'respond', status: 426, headers: HTML }) },
      { name: '426', columns: ['A'], run: stepsDown({ type: 'respond', status: 426, headers: HTML }) },
    ],
  },
  {
    id: 'F8',
    what: 'bodies are held back',
    gate: true,
    cases: [
      {
        name: 'whole',
        columns: ['S'],
        run: async (cell) => {
          await cell.fault('bufferAll', async () => {
            const id = cell.rule({ path: '/stream' }, { type: 'bufferAll' })
            cell.join()
            await cell.waits()
            await cell.firedOf(id)
          })
          await cell.heal()
        },
      },
      { name: 'whole', columns: ['L', 'P'], run: shapes({ type: 'bufferAll' }, 20) },
      { name: 'one behind', columns: ['L', 'P'], run: shapes({ type: 'oneBehind' }, 20) },
      {
        name: 'one behind, and no WebSocket',
        columns: ['A'],
        run: async (cell) => {
          await cell.fault('oneBehind', async () => {
            const refused = cell.rule({ kind: 'ws' }, { type: 'refuse' })
            const held = cell.rule({ path: '/stream' }, { type: 'bufferAll' })
            cell.join()
            await cell.carriedBy('long-poll')
            for (const id of [refused, held]) await cell.firedOf(id)
          })
          await cell.heal()
          await cell.carriedBy('websocket')
        },
      },
    ],
  },
  {
    id: 'F11',
    what: 'the network is slow, jittery or cuts everything into pieces',
    gate: false,
    cases: [
      { name: '500 kbit/s', columns: ALL, run: shapes({ type: 'throttle', bytesPerSecond: 62_500 }) },
      {
        name: '100 ms each way, and as much jitter',
        columns: ALL,
        run: shapes({ type: 'delay', ms: 100, jitterMs: 100 }),
      },
      { name: 'pieces of 64 bytes', columns: ALL, run: shapes({ type: 'slice', bytes: 64, gapMs: 1 }, 20) },
    ],
  },
  { id: 'F14', what: 'somebody else answers', gate: true, cases: strangers },
  {
    id: 'F15',
    what: 'answers come from a cache',
    gate: false,
    cases: [{ name: 'stale', columns: HTTP, run: stale }],
  },
  {
    id: 'F16',
    what: 'a request is sent twice, or its answer is lost after the append',
    gate: true,
    cases: [
      { name: 'twice', columns: HTTP, run: onPath('/publish', { type: 'duplicate' }) },
      { name: 'answer lost', columns: HTTP, run: onPath('/publish', { type: 'dropAnswer' }) },
      {
        name: 'answer lost',
        columns: ['W', 'A'],
        run: async (cell) => {
          await cell.joinWell()
          await cell.fault('reset', async () => {
            const match = { kind: 'ws', frame: 'ack', direction: 'down' } as const
            await cell.firedOf(cell.rule(match, { type: 'reset' }, 2), 2)
          })
          await cell.heal()
        },
      },
    ],
  },
  {
    id: 'F34',
    what: 'reading works and publishing does not',
    gate: false,
    cases: [
      {
        name: '404',
        columns: HTTP,
        run: mutePublisher({ type: 'respond', status: 404, headers: HTML, body: page('no') }),
      },
      {
        name: '502',
        columns: HTTP,
        run: mutePublisher({ type: 'respond', status: 502, headers: HTML, body: page('no') }),
      },
      { name: 'hang', columns: HTTP, run: mutePublisher({ type: 'hang' }) },
      {
        name: 'acks never come',
        columns: ['W', 'A'],
        run: breaks({ type: 'suppress', direction: 'up' }, 1),
      },
    ],
  },
]
