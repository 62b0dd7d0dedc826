import type { EndCode, TransportName } from '../transports/transport.ts'
import type { Words } from './explain.ts'
import type { ClientState, FactKind, TransportReport } from './types.ts'

const NAMES: Readonly<Record<TransportName, string>> = {
  websocket: 'WebSocket',
  sse: 'SSE',
  'long-poll': 'Long-polling',
  poll: 'Interval polling',
}

/** What a transport or the client does; of whatever is not here it is said that it is that. */
const DOES: Partial<Readonly<Record<FactKind | TransportReport['status'] | ClientState['name'], string>>> = {
  open: 'is tried',
  welcome: 'was answered after',
  proven: 'works and carries traffic',
  end: 'ended',
  demote: 'is on probation; next try in',
  wait: 'waits; next try in',
  signal: 'checks at once: the page woke or its network changed',
  goodbye: 'is sent away by the hub; next try in',
  stop: 'gives up',
  carrying: 'carries traffic',
  probation: 'does not work here while another does, and is tried again by itself',
  waiting: 'is offline, and tries again by itself',
}

/** Ends of a link whose code alone does not say what was seen, or what a person can look at. */
const ENDS: Partial<Readonly<Record<EndCode, string>>> = {
  failed: 'the connection failed; look at network, proxy, firewall, CSP and the `origins` of the hub',
  cut: 'the connection was cut',
  refused: 'the hub refused it',
  foreign: 'a proxy, captive portal or something other than the hub answered',
  blocked: 'the page may not connect; look at its Content-Security-Policy',
  timeout: 'nothing came in time',
  busy: 'other tabs hold all connections to the hub',
  'holds-cut': 'held requests are cut',
}

const say = (who: string, what: keyof typeof DOES, more = ''): string => `${who} ${DOES[what] ?? `is ${what}`}${more}.`

const endOf = (code: EndCode, status?: number, detail?: string): string =>
  (ENDS[code] ?? code) + (status ? ` (${status})` : '') + (detail ? `: ${detail}` : '')

/** The words of `holdfast`; `holdfast/core` leaves them out. */
export const words: Words = {
  fact: ({ kind, link, transport, ms, code, status, detail }) =>
    say(
      transport ? NAMES[transport] : link ? 'The first read' : 'The client',
      kind,
      (ms === undefined ? '' : ` ${ms / 1000} s`) + (code ? `: ${endOf(code, status, detail)}` : ''),
    ),
  report: ({ name, status, code }) =>
    say(NAMES[name], status, code && status !== 'carrying' ? `; last time ${endOf(code)}` : ''),
  summary({ state, transports, timeline }) {
    const carrying = transports.findIndex(({ status }) => status === 'carrying')
    if (carrying >= 0) {
      const told = transports.slice(0, carrying + 1).map(({ text }) => text)
      return told.reverse().join(' ')
    }
    const ends = timeline.filter(({ code }) => code).slice(-8)
    // A failed handshake says nothing; any other end is worth more to a person.
    const telling = ends.filter(({ code }) => code !== 'failed').at(-1) ?? ends.at(-1)
    const why = state.name === 'waiting' ? telling : timeline.at(-1)
    return say('The client', state.name) + (why?.code ? ` ${why.text}` : '')
  },
}
