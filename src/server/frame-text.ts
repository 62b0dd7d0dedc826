import type { WireErrorCode } from '../base/errors.ts'
import type { KindName } from './channel-kinds.ts'
import { HoldfastError } from '../base/errors.ts'
import { CODES } from '../protocol/codes.ts'
import type { GapReason, Welcome } from '../protocol/frames.ts'
import { formatPosition } from '../protocol/position.ts'
import type { Place } from '../protocol/position.ts'

/** The text of a heartbeat frame (PROTOCOL.md §7.2). */
export const HEARTBEAT = '{"type":"heartbeat"}'

/** The text of one batch from the texts of its frames. */
export const batchText = (frames: readonly string[]): string => `[${frames.join(',')}]`

export const welcomeText = (welcome: Omit<Welcome, 'type' | 'protocol'>): string =>
  JSON.stringify({ type: 'welcome', protocol: 1, ...welcome })

export const gapText = (
  channel: string,
  gap: { readonly from: Place; readonly to: Place; readonly reason: GapReason },
  ref: number | undefined,
  kind: KindName,
): string =>
  JSON.stringify({
    type: 'gap',
    channel,
    from: formatPosition(gap.from),
    to: formatPosition(gap.to),
    reason: gap.reason,
    ref,
    kind: kind === 'log' ? undefined : kind,
  })

export const ackText = (sequence: number | undefined, place: Place): string =>
  JSON.stringify({ type: 'ack', sequence, position: formatPosition(place), id: place.id })

export const goodbyeText = (goodbye: {
  readonly reason: 'drain' | 'renew' | 'expired'
  readonly retryAfterMs: number
}): string => JSON.stringify({ type: 'goodbye', ...goodbye })

/** A run that states nothing but that there is more to come (PROTOCOL.md §6.3). */
export const pendingText = (channel: string, ref: number | undefined): string =>
  JSON.stringify({ type: 'run', channel, ref, messages: [], more: true })

/** What an error frame concerns (PROTOCOL.md §10.1). */
export interface Concern {
  readonly channel?: string | undefined
  readonly ref?: number | undefined
  readonly sequence?: number | undefined
}

export const errorText = (error: HoldfastError, concern: Concern = {}): string => {
  const { code, field, retryAfterMs, message, status } = error
  return JSON.stringify({
    type: 'error',
    code,
    status: status === 0 ? undefined : status,
    message,
    field,
    ...concern,
    retryAfterMs,
  })
}

/** An error of PROTOCOL.md §10 with the retryability that its table gives it. */
export const refusal = (
  code: WireErrorCode,
  message: string,
  facts: { readonly field?: string; readonly retryAfterMs?: number; readonly cause?: unknown } = {},
): HoldfastError =>
  new HoldfastError(code, message, { retryable: CODES[code].retryable, status: CODES[code].status, ...facts })

/** For what asks several for a refusal, the first of which holds. */
export const throwAny = (refused: HoldfastError | null): void => {
  if (refused) throw refused
}

/** Refuses one channel of a reader that has as many as it may (PROTOCOL.md §9). */
export const tooManyChannels = (most: number): HoldfastError =>
  refusal('too-many', `a reader may have ${most} channels at most; end another subscription first`, {
    field: 'channel',
  })
