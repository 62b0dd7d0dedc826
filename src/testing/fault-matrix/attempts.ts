import type { Fact } from '../../client/types.ts'

/** B: the most starts of one transport that a second has seen; 3 are allowed (PROTOCOL.md, R16). */
export const mostRounds = (facts: readonly Fact[]): number => {
  const starts = facts.filter(({ kind, purpose }) => kind === 'open' && (purpose === 'carry' || purpose === 'read'))
  const within = ({ timeMs, transport, purpose }: Fact): number =>
    starts.filter((other) => {
      const sinceMs = other.timeMs - timeMs
      // Wall time is whole milliseconds.
      return sinceMs >= 0 && sinceMs < 990 && other.transport === transport && other.purpose === purpose
    }).length
  return Math.max(0, ...starts.map(within))
}
