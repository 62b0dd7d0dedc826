import type { Clock } from '../base/clock.ts'
import type { TransportName } from '../transports/transport.ts'
import type { ConnectionState, Note } from './connection-state.ts'
import type { ClientState, Explanation, Fact, TransportReport } from './types.ts'

const MAX_FACTS = 200

/** The words for facts: `holdfast` brings them, `holdfast/core` does without. */
export interface Words {
  fact(fact: Fact): string
  report(report: TransportReport): string
  summary(explanation: Explanation): string
}

/** The bounded timeline of what happened, and the report made of it. */
export interface Timeline {
  add(note: Note): Fact
  explain(connection: ConnectionState, state: ClientState): Explanation
}

export const createTimeline = (clock: Clock, names: readonly TransportName[], words?: Words): Timeline => {
  let facts: readonly Fact[] = []
  return {
    add({ kind, link, rung, end, ms }) {
      const bare: Fact = {
        timeMs: clock.wall(),
        kind,
        link: link?.id,
        transport: names[rung ?? -1],
        purpose: link?.purpose,
        code: end?.code,
        status: end?.status,
        ms: ms === undefined ? undefined : Math.round(ms),
        detail: end?.detail,
        text: '',
      }
      const fact = words ? { ...bare, text: words.fact(bare) } : bare
      facts = [...facts.slice(1 - MAX_FACTS), fact]
      return fact
    },
    explain(connection, state) {
      const { carrier, links, rungs } = connection
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
