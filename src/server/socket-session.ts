import type { HoldfastError } from '../base/errors.ts'
import type { Hello } from '../protocol/frames.ts'
import { readBatch, readClientFrame } from '../protocol/validate-client-frames.ts'
import type { User } from './authorize.ts'
import { closeCodeOf } from './close-codes.ts'
import { knownCode } from './counters.ts'
import type { LinkEnd } from './counters.ts'
import { Expiry, REVOKED } from './expiry.ts'
import type { Goodbye } from './expiry.ts'
import { errorText, goodbyeText, refusal, throwAny } from './frame-text.ts'
import type { HookRequest, HubCore } from './hub-core.ts'
import { bearer, checkToken } from './token.ts'
import { Link } from './link.ts'
import { LinkRates } from './link-rates.ts'
import type { Sink } from './link.ts'
import type { Member } from './links.ts'
import { ReadGate } from './read-gate.ts'
import { SocketFrames } from './socket-frames.ts'

/** The socket of a session: what a WebSocket does, without its wire. Nothing here may throw. */
export interface SocketSink extends Sink {
  /** Says goodbye on the wire after what was written. `reason` is short ASCII. */
  close(code: number, reason: string): void
}

/** Batches that wait while the hello is being looked at; a client that sends more of them is not read from. */
const MOST_EARLY = 64

type State =
  | { readonly name: 'hello' }
  | { readonly name: 'opening'; readonly early: string[] }
  | { readonly name: 'open'; readonly frames: SocketFrames; readonly expiry: Expiry }
  /** `ended`: the last batch is written. `gone`: nothing is left. */
  | { readonly name: 'ended' | 'gone' }

/** One WebSocket link (PROTOCOL.md §5) from its hello to its end. `websocket-gateway.ts` gives it a wire, `socket-frames.ts` takes what comes on it. */
export class SocketSession implements Member {
  readonly #core: HubCore
  readonly #sink: SocketSink
  readonly #request: HookRequest
  readonly transport = 'websocket'
  readonly #leave: (end: LinkEnd) => void
  readonly #address: string | undefined
  #leaveUser = (): void => {}
  #link: Link
  #state: State = { name: 'hello' }
  #goodbye: string | null = null
  /** The user may go on only with another token: nothing more is sent than the answers that are owed. */
  #expired = false
  #why: LinkEnd = 'client'
  /** Undefined before the welcome. */
  user: User | null | undefined
  readonly #gate: ReadGate
  #cancelDeadline: () => void

  constructor(core: HubCore, sink: SocketSink, request: HookRequest) {
    this.#core = core
    this.#sink = sink
    this.#request = request
    this.#address = core.admission.addressOf(request)
    const leaveAddress = core.admission.enter({ address: this.#address })
    const leaveLinks = core.links.add(this)
    this.#leave = (end) => {
      leaveLinks(end)
      leaveAddress()
      this.#leaveUser()
    }
    this.#gate = new ReadGate(sink, (text) => this.#receive(text))
    this.#link = this.#newLink(core.limits.heartbeatMs)
    const { helloMs } = core.limits
    this.#cancelDeadline = core.clock.after(helloMs, () => {
      this.#end(refusal('timeout', `a valid hello must come within ${helloMs} ms`))
    })
  }

  /** One text message of the peer. */
  receive(text: string): void {
    this.#gate.take(text)
  }

  /** One binary message of the peer. */
  receiveBinary(): void {
    this.#end(refusal('bad-request', 'binary messages are not taken; a batch is text'))
  }

  /** The network has taken what was buffered. */
  drained(): void {
    this.#link.drained()
  }

  /** The socket is closed. Idempotent. */
  gone(): void {
    if (this.#state.name === 'gone') return
    this.#stop()
    this.#state = { name: 'gone' }
    this.#cancelDeadline()
    this.#leave(this.#why)
  }

  sweep(nowMs: number, wallMs: number): void {
    // Before the welcome nothing is sent, and the deadline of the hello is watched.
    if (this.#state.name !== 'open') return
    const due = this.#state.expiry.due(wallMs)
    if (due?.reason === 'renew') this.#link.push(goodbyeText(due))
    else if (due) this.#expire(due)
    if (!this.#isOver()) this.#link.sweep(nowMs)
  }

  revoke(userId: string, channel: string | undefined): void {
    if (this.#state.name !== 'open' || this.user?.userId !== userId) return
    if (channel === undefined) this.#expire(REVOKED)
    else this.#state.frames.recheck(channel)
  }

  drain(retryAfterMs: number): void {
    this.#goodbye = goodbyeText({ reason: 'drain', retryAfterMs })
    this.#gate.pause('drain')
    this.#sayGoodbye()
  }

  destroy(): void {
    this.#cut('cut')
  }

  readonly unsent = (): number => this.#sink.unsent()

  #receive(text: string): void {
    try {
      this.#batch(text)
    } catch (error) {
      this.#end(this.#core.asRefusal(error, 'a WebSocket message'))
    }
  }

  #batch(text: string): void {
    if (this.#isOver() || this.#expired) return
    if (Buffer.byteLength(text) > this.#core.limits.batchBytes) {
      this.#end(refusal('too-large', `a batch may have ${this.#core.limits.batchBytes} bytes at most`))
      return
    }
    if (this.#state.name === 'opening') {
      if (this.#state.early.length < MOST_EARLY) this.#state.early.push(text)
      else this.#end(refusal('too-many', `more than ${MOST_EARLY} batches before the welcome`))
      return
    }
    const batch = readBatch(text, this.#core.limits)
    if (this.#state.name === 'open') {
      this.#state.frames.take(batch)
      return
    }
    const hello = readClientFrame(batch[0], this.#core.limits)
    if (hello?.type !== 'hello') throw refusal('bad-request', 'the first frame must be a hello')
    void this.#open(hello, batch.slice(1))
  }

  async #open(hello: Hello, rest: readonly unknown[]): Promise<void> {
    const core = this.#core
    this.#cancelDeadline()
    const early: string[] = []
    this.#state = { name: 'opening', early }
    this.#gate.pause('opening')
    try {
      const token = hello.token ?? bearer(this.#request.header('authorization'))
      checkToken(token, core.limits)
      throwAny(core.admission.checkHerd())
      const user = await core.authenticate(token, this.#request)
      if (this.#isOver()) return
      const rates = this.#admit(user)
      const heartbeatMs = core.heartbeatMs(hello.heartbeatMs)
      this.#link = this.#newLink(heartbeatMs)
      this.#link.push(core.welcome(hello, user, heartbeatMs))
      const frames = new SocketFrames(core, {
        link: this.#link,
        gate: this.#gate,
        rates,
        user,
        client: hello.client,
        answered: () => this.#sayGoodbye(),
        end: (error) => this.#end(error),
      })
      const expiry = new Expiry(user, hello.client, core)
      this.user = user
      this.#state = { name: 'open', frames, expiry }
      frames.begin(hello.channels ?? [])
      frames.take(rest)
      for (const text of early) this.receive(text)
      this.#gate.resume('opening')
      this.#sayGoodbye()
    } catch (error) {
      this.#end(core.asRefusal(error, 'opening a WebSocket link'))
    }
  }

  /** @throws HoldfastError `rate-limited` when the user may not have this link now, `unavailable` when nobody may */
  #admit(user: User | null): LinkRates {
    const core = this.#core
    const own = { userId: user?.userId }
    const { admission } = core
    throwAny(admission.refuseLink(own) ?? admission.take('connect', own) ?? admission.takeHerd())
    this.#leaveUser = admission.enter(own)
    return new LinkRates(core, { ...own, address: this.#address }, (error) => this.#end(error))
  }

  #expire(goodbye: Goodbye): void {
    if (this.#expired) return
    this.#expired = true
    this.#stop()
    this.#goodbye ??= goodbyeText(goodbye)
    this.#gate.pause('drain')
    this.#cancelDeadline = this.#core.clock.after(this.#core.limits.closeMs, () => {
      if (this.#state.name === 'open') this.#state.frames.forget()
      this.#sayGoodbye()
    })
    this.#sayGoodbye()
  }

  /** Once no answer to a publish is owed any more. */
  #sayGoodbye(): void {
    if (this.#goodbye === null || this.#state.name === 'opening' || this.#isOver()) return
    if (this.#state.name === 'open' && this.#state.frames.owed > 0) return
    this.#link.push(this.#goodbye)
    this.#why = 'goodbye'
    this.#finish(1000, 'goodbye')
  }

  #end(error: HoldfastError): void {
    if (this.#isOver()) return
    this.#link.push(errorText(error))
    this.#core.telemetry.refused(error, 'request', { user: this.user })
    this.#why = knownCode(error.code)
    this.#finish(closeCodeOf(knownCode(error.code)), error.code)
  }

  #finish(code: number, reason: string): void {
    this.#link.end(this.#core.now())
    this.#stop()
    this.#state = { name: 'ended' }
    this.#cancelDeadline()
    this.#cancelDeadline = this.#core.clock.after(this.#core.limits.closeMs, () => this.#cut(this.#why))
    // The peer's part of the farewell is to be read.
    this.#sink.resume()
    this.#sink.close(code, reason)
  }

  #cut(end: LinkEnd): void {
    this.#why = end
    this.#cancelDeadline()
    // Not every socket says that it is closed: one of TLS does not when the one below it was reset while it shut down.
    this.#cancelDeadline = this.#core.clock.after(this.#core.limits.closeMs, () => this.gone())
    this.#sink.destroy()
  }

  #stop(): void {
    this.#gate.clear()
    if (this.#state.name === 'open') this.#state.frames.stop()
  }

  #isOver(): boolean {
    return this.#state.name === 'ended' || this.#state.name === 'gone'
  }

  #newLink(heartbeatMs: number): Link {
    const sink = this.#sink
    const gated: Sink = {
      write: (batch) => sink.write(batch),
      writeRun: (run) => sink.writeRun(run),
      buffered: () => sink.buffered(),
      unsent: () => sink.unsent(),
      destroy: () => this.#cut('stalled'),
      pause: () => this.#gate.pause('link'),
      resume: () => this.#gate.resume('link'),
    }
    return new Link(gated, this.#core, { heartbeatMs, beatsAfterBurst: false, nowMs: this.#core.now() })
  }
}
