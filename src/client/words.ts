import type { EndCode, TransportName } from '../transports/transport.ts'
import type { Words } from './explain.ts'
import type { Fact, TransportReport } from './types.ts'

const NAMES: Readonly<Record<TransportName, string>> = {
  websocket: 'WebSocket',
  sse: 'SSE',
  'long-poll': 'long-poll',
  poll: 'interval polling',
}

/** Each end of a link: what was seen, and what a person can look at. */
const ENDS: Readonly<Record<EndCode, string>> = {
  failed:
    'the connection failed and the browser does not say why; a proxy, a firewall or an offline network does this, and so does a hub of another origin that does not list this page in its `origins`',
  cut: 'the connection was cut',
  refused: 'the hub refused it',
  foreign: 'something other than the hub answered; look for a captive portal or a proxy',
  timeout: 'nothing came in time',
  blocked: 'the page may not do this; look at connect-src of its Content-Security-Policy',
  busy: 'other tabs use the connections that the browser allows for this host',
  'holds-cut': 'requests that are held open are cut again and again',
  'too-large': 'an answer was larger than the limit',
  done: 'it was answered',
}

const seconds = (ms = 0): string => (ms < 950 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`)

const nameOf = (transport: TransportName | undefined): string => (transport ? NAMES[transport] : 'The first read')

const endOf = (code: EndCode | undefined, status = 0, detail?: string): string =>
  code === 'foreign' && status >= 429
    ? `something on the way, or the server before the hub, answered ${status}`
    : `${code ? ENDS[code] : 'it ended'}${status ? ` (${status})` : ''}${detail ? `: ${detail}` : ''}`

/** A failed handshake says nothing; any other end is worth more to a person. */
const worthMost = (timeline: readonly Fact[]): Fact | undefined => {
  const ends = timeline.filter((fact) => fact.kind === 'end').slice(-8)
  return ends.reverse().find((fact) => fact.code !== 'failed') ?? ends[0]
}

const factText = (fact: Fact): string => {
  const name = nameOf(fact.transport)
  switch (fact.kind) {
    case 'open':
      return `${name} is tried${fact.purpose === 'probe' ? ' in the background' : fact.purpose === 'replace' ? ' anew' : ''}.`
    case 'welcome':
      return `${name}: the hub answered after ${seconds(fact.ms)}.`
    case 'proven':
      return `${name} works and carries traffic.`
    case 'end':
      return `${name}: ${endOf(fact.code, fact.status, fact.detail)}.`
    case 'demote':
      return `${name} is on probation and is tried again in ${seconds(fact.ms)}.`
    case 'wait':
      return `Nothing works: next try in ${seconds(fact.ms)}.`
    case 'signal':
      return 'The page woke up or its network changed: looking at once.'
    case 'goodbye':
      return `The hub says goodbye; come back in ${seconds(fact.ms)}.`
    case 'stop':
      return `The hub refused twice: ${endOf(fact.code, fact.status, fact.detail)}.`
    case 'silent':
      return `${name} was silent for too long and counts as dead.`
  }
}

const reportText = (report: TransportReport): string => {
  const name = NAMES[report.name]
  const last = report.code && report.code !== 'done' ? `; last time ${endOf(report.code)}` : ''
  switch (report.status) {
    case 'carrying':
      return `${name} carries traffic.`
    case 'opening':
      return `${name} is being tried${last}.`
    case 'probation':
      return report.name === 'websocket' && report.code === 'failed'
        ? 'WebSocket is blocked here while plain HTTP works: a proxy or firewall does that. It is tried again by itself.'
        : `${name} did not work here while another transport did${last}. It is tried again by itself.`
    case 'unsupported':
      return `${name} is not supported by this platform.`
    case 'untried':
      return `${name} was not needed yet.`
    case 'available':
      return `${name} is not in use${last}.`
  }
}

/** The words of `holdfast`; `holdfast/core` leaves them out. */
export const words: Words = {
  fact: factText,
  report: reportText,
  summary({ state, transports, timeline }) {
    if (state.name === 'waiting') {
      return `Offline. ${worthMost(timeline)?.text ?? 'Nothing works.'} The next try comes by itself.`
    }
    const { text, kind } = timeline.at(-1) ?? {}
    if (state.name === 'idle' && kind === 'stop' && text) return `Not connected. ${text}`
    if (state.name !== 'online')
      return { idle: 'Not connected.', connecting: 'Connecting.', closed: 'Closed.' }[state.name]
    const index = transports.findIndex((report) => report.status === 'carrying')
    const why = transports.slice(0, index).map((report) => report.text)
    return [`${NAMES[state.transport]} carries traffic.`, ...why].join(' ')
  },
}
