import type { HoldfastError } from '../base/errors.ts'
import { overRate, publishRate, spreadRate } from './admission.ts'
import type { Admission, Peer } from './admission.ts'
import { refusal } from './frame-text.ts'
import type { HubLimits } from './limits.ts'
import { TokenBucket } from './token-bucket.ts'
import type { Rate } from './token-bucket.ts'

interface Context {
  readonly admission: Admission
  readonly limits: HubLimits
  readonly now: () => number
}

const MINUTE_MS = 60_000

/** The rates of one WebSocket link, with those of its user and address; and its patience with one that does not wait. */
export class LinkRates {
  readonly #context: Context
  readonly #peer: Peer
  readonly #end: (error: HoldfastError) => void
  readonly #buckets: Partial<Record<'subscribe' | 'publish' | 'refusal', TokenBucket>> = {}
  /** Until then publishes were told to wait. */
  #publishesMs = -Infinity

  /** `end` is called when the link was refused so often that it is to be closed. */
  constructor(context: Context, peer: Peer, end: (error: HoldfastError) => void) {
    this.#context = context
    this.#peer = peer
    this.#end = end
  }

  /** Takes a token; or says why there is none. */
  take(action: 'subscribe' | 'publish'): HoldfastError | null {
    const { admission, now } = this.#context
    const nowMs = now()
    const bucket = this.#bucket(action)
    const refused =
      bucket && !bucket.ready(nowMs)
        ? overRate(action, 'link', bucket.againMs(nowMs))
        : admission.take(action, this.#peer)
    if (!refused) bucket?.take(nowMs)
    else if (action === 'publish') this.#publishesMs = nowMs + (refused.retryAfterMs ?? 0)
    else this.refused()
    return refused
  }

  /** A publish has come, whatever becomes of it. One that came while they were told to wait counts as refused. */
  publishCame(): void {
    const nowMs = this.#context.now()
    if (nowMs < this.#publishesMs) this.refused()
  }

  /** A frame was refused. For too many of them the link is ended. */
  refused(): void {
    const bucket = this.#bucket('refusal')
    if (!bucket) return
    const nowMs = this.#context.now()
    if (bucket.ready(nowMs)) {
      bucket.take(nowMs)
      return
    }
    const retryAfterMs = bucket.againMs(nowMs)
    const message = `too many frames of this link were refused; come again in ${retryAfterMs} ms`
    this.#end(refusal('rate-limited', message, { retryAfterMs }))
  }

  #bucket(name: 'subscribe' | 'publish' | 'refusal'): TokenBucket | undefined {
    const known = this.#buckets[name]
    if (known) return known
    const rate = this.#rate(name)
    return rate ? (this.#buckets[name] = new TokenBucket(rate)) : undefined
  }

  #rate(name: 'subscribe' | 'publish' | 'refusal'): Rate | null {
    const { limits } = this.#context
    if (name === 'subscribe') return spreadRate(limits.subscribesPerMinutePerLink, limits.rateBurstMs)
    if (name === 'publish') return publishRate(limits.publishesPerMinutePerLink, limits.rateBurstMs)
    return publishRate(limits.refusalsPerMinutePerLink, MINUTE_MS)
  }
}
