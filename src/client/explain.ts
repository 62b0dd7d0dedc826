import type { Clock } from '../base/clock.ts'
import type { LinkEnd, TransportName } from '../transports/transport.ts'
import { carrierOf } from './connection-state.ts'
import type { ConnectionNews, ConnectionState, Effect, LinkView } from './connection-state.ts'
import type { ClientState, Explanation, Fact, FactKind, TransportReport } from './types.ts'

const MAX_FACTS = 200

const KINDS: ReadonlySet<string> = new Set([
  'open',
  'welcome',
  'proven',
  'end',
  'demote',
  'wait',
  'signal',
  'goodbye',
  'stop',
  'silent',
])

/** The words for facts: `holdfast` brings them, `holdfast/core` does without. */
export interface Words {
  fact(fact: Fact): string
  report(report: TransportReport): string
  summary(explanation: Explanation): string
}

/** What events and effects may say, all in one. */
interface Facts extends Partial<LinkView> {
  readonly type: FactKind
  readonly link?: number
  readonly end?: LinkEnd
  readonly ms?: number
  readonly retryAfterMs?: number
}

/** The bounded timeline of what happened, and the report made of it. */
export interface Timeline {
  /** Records an event or an effect; `undefined` for those that say nothing to a person. */
  add(news: ConnectionNews | Effect, before: ConnectionState): Fact | undefined
  explain(connection: ConnectionState, state: ClientState): Explanation
}

export const createTimeline = (clock: Clock, names: readonly TransportName[], words?: Words): Timeline => {
  let facts: readonly Fact[] = []
  return {
    add(news, before) {
      if (!KINDS.has(news.type)) return undefined
      const { type, link: id, end, ms, retryAfterMs, ...own } = news as Facts
      const link = before.links.find((each) => each.id === id) ?? own
      const took = ms ?? retryAfterMs ?? (type === 'welcome' && clock.now() - (link.sinceMs ?? 0))
      const bare: Fact = {
        timeMs: clock.wall(),
        kind: type,
        link: id,
        transport: names[link.rung ?? -1],
        purpose: link.purpose,
        code: end?.code,
        status: end?.status,
        ms: took ? Math.round(took) : undefined,
        detail: end?.detail,
        text: '',
      }
      const fact = words ? { ...bare, text: words.fact(bare) } : bare
      facts = [...facts.slice(1 - MAX_FACTS), fact]
      return fact
    },
    explain(connection, state) {
      const { links, rungs } = connection
      const carrier = carrierOf(connection)
      const transports = names.map((name, index): TransportReport => {
        const rung = rungs[index]
        const probation = (rung?.untilMs ?? 0) > clock.now()
        const opening = links.some((link) => link.rung === index)
        const bare: TransportReport = {
          name,
          status: !rung?.supported
            ? 'unsupported'
            : carrier?.rung === index
              ? 'carrying'
              : opening
                ? 'opening'
                : probation
                  ? 'probation'
                  : rung.attempts
                    ? 'available'
                    : 'untried',
          attempts: rung?.attempts ?? 0,
          probeAtMs: probation ? clock.wall() + (rung?.untilMs ?? 0) - clock.now() : undefined,
          code: rung?.last?.code,
          text: '',
        }
        return words ? { ...bare, text: words.report(bare) } : bare
      })
      const bare: Explanation = { summary: state.name, state, transports, timeline: facts }
      return words ? { ...bare, summary: words.summary(bare) } : bare
    },
  }
}
