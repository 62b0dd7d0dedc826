import type { ConnectionSetup, ConnectionState, Effect, LinkView, Note, Round } from './connection-state.ts'
import { connectDeadline, NEVER } from './connection-state.ts'
import { demote } from './ladder.ts'
import type { Rung } from './ladder.ts'
import type { FactKind, LinkPurpose } from './types.ts'

/**
 * The working copy of one transition: the state that is becoming, and the effects so far. Each transition makes its own, so
 * what is changed here is never seen by anybody else.
 */
export interface Draft {
  s: { -readonly [K in keyof ConnectionState]: ConnectionState[K] }
  readonly effects: Effect[]
  readonly setup: ConnectionSetup
  readonly now: number
  readonly random: number
}

export const note = (d: Draft, kind: FactKind, facts: Omit<Note, 'type' | 'kind'> = {}): void => {
  d.effects.push({ type: 'note', kind, ...facts })
}

export const setLink = (d: Draft, link: LinkView, change: Partial<LinkView>): LinkView => {
  const next = { ...link, ...change }
  d.s.links = d.s.links.map((each) => (each.id === link.id ? next : each))
  if (d.s.carrier?.id === link.id) d.s.carrier = next
  return next
}

export const setRung = (d: Draft, index: number, change: (rung: Rung) => Rung): void => {
  d.s.rungs = d.s.rungs.map((rung, at) => (at === index ? change(rung) : rung))
}

export const setRound = (d: Draft, change: Partial<Round>): void => {
  if (d.s.round) d.s.round = { ...d.s.round, ...change }
}

/** Forgets a link that has ended. */
export const remove = (d: Draft, link: LinkView): void => {
  d.s.links = d.s.links.filter((each) => each.id !== link.id)
  if (d.s.carrier?.id === link.id) d.s.carrier = null
}

/** Ends a link. */
export const drop = (d: Draft, link: LinkView): void => {
  remove(d, link)
  d.effects.push({ type: 'drop', link: link.id })
}

export const dropAll = (d: Draft): void => {
  for (const link of d.s.links) drop(d, link)
  d.s.round = null
  d.s.retryAtMs = NEVER
  d.s.replaceAtMs = NEVER
}

const connectMs = ({ s, setup }: Draft): number => connectDeadline(s, setup.timing)

export const open = (d: Draft, rung: number, purpose: LinkPurpose, deadlineMs = connectMs(d)): void => {
  const id = d.s.nextLink++
  d.s.links = [...d.s.links, { id, rung, purpose, phase: 'opening', sinceMs: d.now, deadlineMs: d.now + deadlineMs }]
  setRung(d, rung, (each) => ({ ...each, attempts: each.attempts + 1 }))
  d.effects.push({ type: 'open', link: id, rung, purpose })
}

/** A second link of the carrying transport is on its way. */
export const isReplacing = ({ s }: Draft): boolean => s.links.some((link) => link.purpose === 'replace')

/** Opens the carrying transport anew, from the positions and subscriptions of now, while the old link still runs. */
export const replace = (d: Draft, deadlineMs = connectMs(d)): void => {
  d.s.replaceAtMs = NEVER
  if (d.s.carrier && !isReplacing(d)) open(d, d.s.carrier.rung, 'replace', deadlineMs)
}

/** Writes the verdict on a transport: another one works and this one does not. */
export const demoteRung = (d: Draft, index: number): void => {
  setRung(d, index, (rung) => demote(rung, d.now, d.setup.timing))
  note(d, 'demote', { rung: index, ms: (d.s.rungs[index]?.untilMs ?? d.now) - d.now })
}

