import type { Clock } from '../base/clock.ts'
import type { LinkEnd, TransportName } from '../transports/transport.ts'
import { carrierOf } from './connection-state.ts'
import type { ConnectionNews, ConnectionState, Effect } from './connection-state.ts'
import type { ClientState, Explanation, Fact, TransportReport } from './types.ts'

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
      const id = 'link' in news ? news.link : undefined
      const link = before.links.find((each) => each.id === id) ?? ('purpose' in news ? news : undefined)
      const { code, status, detail }: Partial<LinkEnd> = 'end' in news ? news.end : {}
      const ms =
        'ms' in news
          ? news.ms
          : 'retryAfterMs' in news
            ? news.retryAfterMs
            : news.type === 'welcome'
              ? clock.now() - (link && 'sinceMs' in link ? link.sinceMs : 0)
              : undefined
      const bare: Fact = {
        timeMs: clock.wall(),
        kind: news.type as Fact['kind'],
        link: id,
        transport: names['rung' in news ? news.rung : (link?.rung ?? -1)],
        purpose: link?.purpose,
        code,
        status,
        ms: ms && Math.round(ms),
        detail,
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
