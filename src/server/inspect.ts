import type { LinkTransport } from './counters.ts'
import type { Handlers } from './handlers.ts'
import type { Links } from './links.ts'
import type { Tails } from './tails.ts'

/** A look into a hub, for people and for dashboards. It shows no token, no user and no data. */
export interface HubInspection {
  readonly status: 'ready' | 'draining'
  readonly links: Readonly<Record<LinkTransport, number>>
  /** Bytes of all links that their peers have not taken yet. */
  readonly unsentBytes: number
  readonly tails: {
    readonly held: number
    /** Of them without a reader. */
    readonly idle: number
    readonly messages: number
    readonly bytes: number
  }
  /** Requests that are with a handler. */
  readonly requests: number
  /** The channels with the most readers in this process, at most as many as were asked for. */
  readonly channels: readonly { readonly channel: string; readonly readers: number; readonly messages: number }[]
}

/** Channels that an inspection lists, however many are asked for. */
const MOST_CHANNELS = 1000

export const inspect = (
  { links, tails, handlers }: { readonly links: Links; readonly tails: Tails; readonly handlers: Handlers },
  channels = 100,
): HubInspection => {
  if (!Number.isInteger(channels) || channels < 0) {
    throw new TypeError(`holdfast: inspect({ channels }) must be a whole number, 0 or more, not ${channels}`)
  }
  const open = { websocket: 0, sse: 0, 'long-poll': 0, poll: 0 }
  let unsentBytes = 0
  for (const member of links.members()) {
    open[member.transport]++
    unsentBytes += member.unsent()
  }
  const all = [...tails.list()]
  const busiest = all.filter(({ readers }) => readers > 0).sort((a, b) => b.readers - a.readers)
  return {
    status: links.draining ? 'draining' : 'ready',
    links: open,
    unsentBytes,
    tails: {
      held: all.length,
      idle: all.length - busiest.length,
      messages: all.reduce((sum, { messages }) => sum + messages, 0),
      bytes: all.reduce((sum, { bytes }) => sum + bytes, 0),
    },
    requests: handlers.running,
    channels: busiest
      .slice(0, Math.min(channels, MOST_CHANNELS))
      .map(({ channel, readers, messages }) => ({ channel, readers, messages })),
  }
}
