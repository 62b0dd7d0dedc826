import type { TimingOptions } from '../../client/types.ts'
import type { TransportName } from '../../transports/transport.ts'
import type { Match } from '../fault-proxy/rule.ts'

/** One transport alone, or the choice among all of them. */
export type Column = 'W' | 'S' | 'L' | 'P' | 'A'

export const COLUMNS: readonly Column[] = ['W', 'S', 'L', 'P', 'A']

export const COLUMN_NAMES: Readonly<Record<Column, string>> = {
  W: 'WebSocket',
  S: 'SSE',
  L: 'long-poll',
  P: 'poll',
  A: 'ladder',
}

export const TRANSPORTS_OF: Readonly<Record<Column, readonly [TransportName, ...TransportName[]]>> = {
  W: ['websocket'],
  S: ['sse'],
  L: ['long-poll'],
  P: ['poll'],
  A: ['websocket', 'sse', 'long-poll', 'poll'],
}

/** What carries the messages of a column; of the ladder, what it prefers. */
export const CARRIER: Readonly<Record<Column, Match>> = {
  W: { kind: 'ws' },
  S: { path: '/stream' },
  L: { path: '/poll', held: true },
  P: { path: '/poll' },
  A: { kind: 'ws' },
}

/** A tenth of the real durations; deadlines a fifth, for a busy machine must not look like a broken network. */
export const TIMING: TimingOptions = {
  heartbeatMs: 1_000,
  graceMs: 1_000,
  connectMs: 1_000,
  probeMs: 3_000,
  secondFrameMs: 1_000,
  headStartMs: 50,
  stableMs: 1_000,
  probationMs: 1_000,
  maxProbationMs: 4_000,
  spreadMs: 500,
  backoffMs: 50,
  maxBackoffMs: 1_000,
  wakeMs: 500,
  lateMs: 200,
  holdMs: 2_500,
  pollIntervalMs: 300,
  resendMs: 30_000,
  presenceMs: 8_000,
}
