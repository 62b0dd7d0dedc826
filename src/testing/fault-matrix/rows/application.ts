import type { Message } from '../../../client/types.ts'
import type { Action, FrameFields, Match } from '../../fault-proxy/rule.ts'
import type { Cell } from '../cell.ts'
import type { Row } from '../row.ts'
import { ALL, shapes } from './ways.ts'

/** Everything that a listener may do, in the middle of a batch. */
const reentrant = async (cell: Cell): Promise<void> => {
  cell.allowErrors()
  await cell.joinWell()
  const { victim } = cell
  await cell.fault('re-entrant listeners', async () => {
    let calls = 0
    const other = cell.subscribe(victim, 'b')
    const self = cell.subscribe(victim, 'a', { from: { last: 5 } }, () => {
      calls++
      if (calls === 2) other.unsubscribe()
      if (calls === 3) cell.subscribe(victim, 'c', { from: 'earliest' })
      if (calls === 4) throw new Error('a listener throws')
      if (calls === 5) victim.connect()
      if (calls === 6) victim.disconnect()
      if (calls === 6) victim.connect()
      if (calls === 8) self.unsubscribe()
    })
    await cell.until('the last of them', () => self.state.name === 'ended')
    await cell.until('the report of the listener that threw', () => cell.errors.length > 0)
    return calls
  })
  await cell.recover()
}

/** A listener that keeps the main thread busy, and a link that is slower than the channel. */
const slowReader = async (cell: Cell): Promise<void> => {
  await cell.joinWell()
  let calls = 0
  const busy = (_: Message): void => {
    if (++calls % 10) return
    const until = performance.now() + 50
    while (performance.now() < until);
  }
  for (const channel of ['a', 'b', 'c']) cell.subscribe(cell.victim, channel, {}, busy)
  await cell.fault('slow', async () => {
    const id = cell.rule({ direction: 'down' }, { type: 'throttle', bytesPerSecond: 10_000 })
    await cell.flow(60)
    await cell.firedOf(id)
  })
  await cell.heal()
}

/** Subscriptions come and go faster than the links can follow. */
const churns = async (cell: Cell): Promise<void> => {
  await cell.joinWell()
  await cell.fault('churn', async () => {
    for (let round = 0; round < 30; round++) {
      const channel = ['a', 'b', 'c', 'd'][round % 4]!
      const from = round % 3 ? 'latest' : 'earliest'
      const subscription = cell.subscribe(cell.victim, channel, { from })
      await cell.flow(1)
      if (round % 5) subscription.unsubscribe()
    }
    return 30
  })
  await cell.recover()
}

/** What a hub with a bug, or of another make, might say beside what is due. */
const ODD_FRAMES: readonly FrameFields[] = [
  { type: 'nonsense', channel: 'a', messages: 'none' },
  { type: 'ack', sequence: 4_000_000, position: 'x.1.y', id: 'y' },
  { type: 'gap', channel: 'unknown', from: 'x.1.y', to: 'x.2.z', reason: 'trimmed' },
  { type: 'gap', channel: 'a', from: 'x.1.y', to: 'x.2.z', reason: 'trimmed' },
  { type: 'run', channel: 'unknown', after: 'x.0.0', messages: [] },
  {
    type: 'run',
    channel: 'a',
    after: 'of-another-life.0.0',
    messages: [{ offset: 1, id: 'i', timeMs: 1, data: 'odd' }],
  },
  { type: 'heartbeat', timeMs: 9e15 },
]

const odd = async (cell: Cell): Promise<void> => {
  await cell.joinWell()
  await cell.fault('odd frames', async () => {
    const match: Match = { frame: 'run', direction: 'down' }
    const ids = ODD_FRAMES.map((frame) => cell.rule(match, { type: 'inject', frame, where: 'before' }, 5))
    for (const id of ids) await cell.firedOf(id)
  })
  await cell.heal()
}

const STORM: readonly ((cell: Cell) => [Match, Action])[] = [
  () => [{ kind: 'ws' }, { type: 'refuse' }],
  () => [{ path: '/stream' }, { type: 'bufferAll' }],
  () => [{ path: '/publish' }, { type: 'dropAnswer' }],
  () => [{ path: '/publish' }, { type: 'duplicate' }],
  () => [{ path: '/poll' }, { type: 'replayPrevious' }],
  () => [{ path: '/poll' }, { type: 'respond', status: 503 }],
  ({ random }) => [{}, { type: 'reset', bytes: Math.floor(random() * 2_000) }],
  ({ random }) => [{}, { type: 'delay', ms: Math.floor(random() * 200), jitterMs: 100 }],
  ({ random }) => [{}, { type: 'limit', ms: 50 + Math.floor(random() * 500) }],
  ({ carrier }) => [carrier, { type: 'suppress' }],
  ({ carrier }) => [carrier, { type: 'hang' }],
]

/** Two to five faults at once, others all the time, from the cell's seed. */
const storm = async (cell: Cell): Promise<void> => {
  await cell.joinWell()
  await cell.fault('storm', async () => {
    for (let round = 0; round < 4; round++) {
      const count = 2 + Math.floor(cell.random() * 4)
      for (let index = 0; index < count; index++) {
        const make = STORM[Math.floor(cell.random() * STORM.length)]!
        cell.rule(...make(cell))
      }
      await cell.flow(15)
      cell.faults.clear()
    }
  })
  await cell.heal()
}

/** Away from what carries and back again, each step under load. */
const switches = async (cell: Cell): Promise<void> => {
  await cell.joinWell()
  await cell.fault('switches', async () => {
    const ways: readonly [Match, 'sse' | 'long-poll' | 'poll'][] = [
      [{ kind: 'ws' }, 'sse'],
      [{ path: '/stream' }, 'long-poll'],
      [{ path: '/poll', held: true }, 'poll'],
    ]
    for (const [match, next] of ways) {
      cell.rule(match, { type: 'refuse' })
      cell.faults.cut()
      await cell.carriedBy(next)
      await cell.flow(5)
    }
    cell.faults.clear()
    await cell.carriedBy('websocket')
  })
  await cell.heal()
}

export const application: readonly Row[] = [
  {
    id: 'F24',
    what: 'the reader is slower than the channel',
    gate: false,
    cases: [{ name: 'slow', columns: ALL, run: slowReader }],
  },
  {
    id: 'F26',
    what: 'listeners do everything that they may',
    gate: true,
    cases: [{ name: 're-entrant', columns: ALL, run: reentrant }],
  },
  { id: 'F29', what: 'the hub says odd things', gate: false, cases: [{ name: 'odd frames', columns: ALL, run: odd }] },
  {
    id: 'F30',
    what: 'two to five faults at once',
    gate: false,
    cases: [
      { name: 'storm', columns: ALL, run: storm },
      { name: 'answers cut at random', columns: ALL, run: shapes({ type: 'limit', bytes: 5_000 }, 30) },
    ],
  },
  {
    id: 'F31',
    what: 'subscriptions change while messages flow',
    gate: true,
    cases: [{ name: 'churn', columns: ALL, run: churns }],
  },
  {
    id: 'F32',
    what: 'it is forced from each transport to the next and back',
    gate: false,
    cases: [{ name: 'switches', columns: ['A'], run: switches }],
  },
]
