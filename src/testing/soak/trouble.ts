import type { Faults } from '../fault-proxy/faults.ts'
import type { Action, Match } from '../fault-proxy/rule.ts'

type Random = () => number

const upTo = (random: Random, most: number): number => Math.floor(random() * most)

/** What may happen to a room; some of it to new links only, some to those that are open. */
const TROUBLES: readonly ((random: Random) => readonly [Match, Action])[] = [
  () => [{ kind: 'ws' }, { type: 'refuse' }],
  () => [{ kind: 'ws' }, { type: 'hang' }],
  () => [{ kind: 'ws' }, { type: 'suppress' }],
  () => [{ kind: 'ws' }, { type: 'suppress', direction: 'up' }],
  () => [{ path: '/stream' }, { type: 'suppress' }],
  () => [{ path: '/stream' }, { type: 'bufferAll' }],
  () => [{ path: '/stream' }, { type: 'oneBehind' }],
  () => [{ path: '/poll', held: true }, { type: 'hang' }],
  () => [{ path: '/poll' }, { type: 'replayPrevious' }],
  () => [{ path: '/poll' }, { type: 'respond', status: 502, headers: { 'content-type': 'text/html' }, body: '<p>no' }],
  () => [{ path: '/publish' }, { type: 'dropAnswer' }],
  () => [{ path: '/publish' }, { type: 'duplicate' }],
  () => [{ path: '/publish' }, { type: 'respond', status: 503 }],
  () => [{}, { type: 'refuse' }],
  () => [{}, { type: 'hang' }],
  () => [{ kind: 'tcp' }, { type: 'delay', ms: 600_000 }],
  (random) => [{}, { type: 'reset', bytes: upTo(random, 4_000) }],
  (random) => [{}, { type: 'limit', ms: 100 + upTo(random, 1_000) }],
  (random) => [{}, { type: 'delay', ms: upTo(random, 300), jitterMs: 200 }],
  (random) => [{}, { type: 'throttle', bytesPerSecond: 10_000 + upTo(random, 50_000) }],
]

/** The way of each transport, in the order of the ladder. */
const WAYS: readonly Match[] = [{ kind: 'ws' }, { path: '/stream' }, { path: '/poll', held: true }]

/** Makes one trouble; returns its name. */
export const trouble = (faults: Faults, random: Random): string => {
  const make = TROUBLES[upTo(random, TROUBLES.length)] ?? TROUBLES[0]
  if (!make || random() < 0.2) {
    faults.cut({ how: random() < 0.5 ? 'reset' : 'fin' })
    return 'cut'
  }
  const [match, action] = make(random)
  faults.add({ match, action })
  return action.type
}

/** Takes the better transports away, so that everybody must change. */
export const forceSwitch = (faults: Faults, random: Random): void => {
  for (const match of WAYS.slice(0, 1 + upTo(random, WAYS.length))) faults.add({ match, action: { type: 'refuse' } })
  faults.cut()
}
