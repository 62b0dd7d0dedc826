import type { Transport, TransportName } from 'holdfast/core'
import { expect } from 'vitest'
import { handshake } from './handshake.ts'
import type { Origin } from './origin.ts'
import { TRANSPORTS, visit } from './visitor.ts'
import type { VisitOptions } from './visitor.ts'

// What more than one of the boxes does, and how the client gets through.

/** A client comes to this transport, and everything gets through over it. */
export const carries = async (
  origin: Origin,
  url: string,
  name: TransportName,
  options?: VisitOptions,
): Promise<void> => {
  const visitor = await visit(origin, url, options)
  await visitor.carriedBy(name)
  await visitor.exchange()
}

/** The box takes the `Upgrade` header out: the hub answers 426, and streams carry the traffic. */
export const dropsUpgrade = async (origin: Origin, url: string): Promise<void> => {
  expect(await handshake(`${url}?asked`)).toBe(426)
  const asked = origin.arrivals.filter((arrival) => arrival.url.endsWith('?asked'))
  expect(asked.map(({ upgrade }) => upgrade)).toEqual([undefined])

  const visitor = await visit(origin, url)
  await visitor.saw({ kind: 'end', transport: 'websocket', code: 'failed' })
  await visitor.carriedBy('sse')
  await visitor.exchange()
}

/** The box keeps a stream until it ends: held polls carry the traffic. Through `flowing` the same box lets streams flow. */
export const holdsStreams = async (origin: Origin, held: string, flowing: string): Promise<void> => {
  const transports = [TRANSPORTS.sse, TRANSPORTS['long-poll']]
  const [lucky, unlucky] = await Promise.all([flowing, held].map((url) => visit(origin, url, { transports })))
  await lucky?.carriedBy('sse')
  await unlucky?.carriedBy('long-poll')
  // Not even the status comes.
  await unlucky?.saw({ kind: 'end', transport: 'sse', code: 'timeout', status: undefined })
  await lucky?.exchange()
  await unlucky?.exchange()
  expect(lucky?.client.state.transport).toBe('sse')
}

/**
 * The box cuts a link that is silent for too long. One without beats loses its link and no message; one with a beat lives on,
 * though it began before.
 */
export const cutsTheSilent = async (origin: Origin, url: string, transport: Transport): Promise<void> => {
  const name: TransportName = transport.name
  const only = { transports: [transport], firstRead: false }
  const beating = await visit(origin, url, { ...only, timing: { heartbeatMs: 200 } })
  await beating.carriedBy(name)
  const silent = await visit(origin, url, { ...only, timing: { heartbeatMs: 60_000 } })
  await silent.carriedBy(name)
  await silent.resumesAfterCut(name)
  await beating.exchange()
  expect(beating.facts.filter(({ kind }) => kind === 'end')).toEqual([])
}
