import type { Clock } from '../base/clock.ts'
import type { LinkEnd, TransportName } from '../transports/transport.ts'
import type { ConnectionNews, ConnectionState, Effect, LinkView } from './connection-state.ts'
import type { Rung } from './ladder.ts'
import type { ClientState, Explanation, Fact, FactKind, TransportReport } from './types.ts'

const MAX_FACTS = 200

/** What happens all the time, or what another fact tells too. */
const UNTOLD = ['connect', 'disconnect', 'close', 'tick', 'refresh', 'alive', 'drop', 'ping']

/** The words for facts: `holdfast` brings them, `holdfast/core` does without. */
export interface Words {
  fact(fact: Fact): string
  report(report: TransportReport): string
  summary(explanation: Explanation): string
}

/** What events and effects may say, all in one. */
interface News extends Partial<LinkView> {
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
  let timeline: readonly Fact[] = []
  return {
    add(news, before) {
      if (UNTOLD.includes(news.type)) return undefined
      const told = news as News
      const seen = before.links.find((each) => each.id === told.link)
      const { type, link, rung = -1, purpose, sinceMs = 0, end, ms, retryAfterMs }: News = { ...told, ...seen }
      const tookMs = ms ?? retryAfterMs ?? (type === 'welcome' ? clock.now() - sinceMs : undefined)
      const fact: Fact & { text: string } = {
        timeMs: clock.wall(),
        kind: type,
        link,
        transport: names[rung],
        purpose,
        code: end?.code,
        status: end?.status,
        ms: tookMs && Math.round(tookMs),
        detail: end?.detail,
        text: '',
      }
      if (words) fact.text = words.fact(fact)
      timeline = [...timeline, fact].slice(-MAX_FACTS)
      return fact
    },
    explain({ links, rungs }, state) {
      const transports = names.map((name, index): TransportReport => {
        const { supported, untilMs = 0, attempts = 0, last }: Partial<Rung> = rungs[index] ?? {}
        const link = links.find((each) => each.rung === index)
        const probationMs = untilMs - clock.now()
        const unused = attempts ? 'available' : supported ? 'untried' : 'unsupported'
        const unlinked = probationMs > 0 ? 'probation' : unused
        const report: TransportReport & { text: string } = {
          name,
          status: link ? (link.phase === 'proven' ? 'carrying' : 'opening') : unlinked,
          attempts,
          probeAtMs: probationMs > 0 ? clock.wall() + probationMs : undefined,
          code: last?.code,
          text: '',
        }
        if (words) report.text = words.report(report)
        return report
      })
      const explanation: Explanation & { summary: string } = { summary: state.name, state, transports, timeline }
      if (words) explanation.summary = words.summary(explanation)
      return explanation
    },
  }
}
