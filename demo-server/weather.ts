import type { Faults, Rule } from 'holdfast/testing'

/** A named state of the network, for people. */
export interface Weather {
  readonly id: string
  readonly label: string
  readonly description: string
  readonly rules: readonly Rule[]
  /** Living links are ended once when it begins. */
  readonly cut: boolean
}

function weather(id: string, label: string, description: string, rules: readonly Rule[], cut = false): Weather {
  return { id, label, description, rules, cut }
}

const loginPage = '<!doctype html><title>Welcome</title><h1>Welcome to our Wi-Fi</h1><p>Please log in to go on.</p>'

/** All weathers of the lab page. Several may be on at once; where two answer the same request the older one wins. */
export const weathers: readonly Weather[] = Object.freeze([
  weather('refuse-upgrade', 'No WebSocket', 'A proxy answers every WebSocket request with an error.', [
    {
      match: { kind: 'ws' },
      action: {
        type: 'respond',
        status: 426,
        headers: { 'Content-Type': 'text/plain', 'Cache-Control': 'no-store' },
        body: 'Upgrade is not possible here',
      },
    },
  ]),
  weather('hang-upgrade', 'WebSocket never answers', 'A WebSocket request gets no answer at all.', [
    { match: { kind: 'ws' }, action: { type: 'hang' } },
  ]),
  weather('mute-websocket', 'Mute WebSocket', 'A WebSocket opens, and then nothing passes in either direction.', [
    { match: { kind: 'ws' }, action: { type: 'suppress', direction: 'both' } },
  ]),
  weather('cut', 'Cut', 'Every connection that is open now breaks, once; new ones work.', [], true),
  weather('buffer-streams', 'Streams held back', 'A box keeps a stream until it ends, which it never does.', [
    { match: { kind: 'http', path: '/stream' }, action: { type: 'bufferAll' } },
  ]),
  weather('one-behind', 'One behind', 'A virus scanner hands on each piece of a stream only when the next one comes.', [
    { match: { kind: 'http', path: '/stream' }, action: { type: 'oneBehind' } },
  ]),
  weather(
    'drop-long-polls',
    'No waiting',
    'A request that waits for news is cut off; one with an instant answer works.',
    [{ match: { kind: 'http', path: '/poll', held: true }, action: { type: 'reset' } }],
  ),
  weather('unavailable', 'Server unavailable', 'Every request is answered with "503, try again in 2 seconds".', [
    {
      match: {},
      action: {
        type: 'respond',
        status: 503,
        headers: { 'Content-Type': 'text/plain', 'Retry-After': '2' },
        body: 'Service unavailable',
      },
    },
  ]),
  weather(
    'captive-portal',
    'Hotel Wi-Fi',
    'Every request is answered with a login page, as before you pay for Wi-Fi.',
    [
      {
        match: {},
        action: {
          type: 'respond',
          status: 200,
          headers: { 'Content-Type': 'text/html; charset=utf-8' },
          body: loginPage,
        },
      },
    ],
  ),
  weather('half-open', 'Cable pulled', 'All connections stay open, but nothing passes any more and no error comes.', [
    { match: {}, action: { type: 'suppress', direction: 'both' } },
  ]),
  weather('latency', 'Far away', 'Everything takes 300 ms, give or take 100, in each direction.', [
    { match: {}, action: { type: 'delay', ms: 300, jitterMs: 100 } },
  ]),
  weather(
    'everything-down',
    'Everything down',
    'Every connection breaks, and new ones are refused.',
    [{ match: {}, action: { type: 'refuse' } }],
    true,
  ),
])

export function findWeather(id: string): Weather | undefined {
  return weathers.find((candidate) => candidate.id === id)
}

/** Puts a weather on top of what is there. Returns its undo, which leaves other rules alone. */
export function applyWeather(faults: Faults, { rules, cut }: Weather): () => void {
  const ids = rules.map((rule) => faults.add(rule))
  if (cut) faults.cut()
  return () => {
    for (const id of ids) faults.remove(id)
  }
}
