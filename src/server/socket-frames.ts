import type { HoldfastError } from '../base/errors.ts'
import type { ChannelRequest, ClientFrame, Publish, Send } from '../protocol/frames.ts'
import { concernOf, readClientFrame } from '../protocol/validate-client-frames.ts'
import type { User } from './authorize.ts'
import { publisherTag } from './digest.ts'
import { errorText, refusal } from './frame-text.ts'
import type { HubCore } from './hub-core.ts'
import type { Link } from './link.ts'
import type { LinkRates } from './link-rates.ts'
import type { PublishLink } from './publisher.ts'
import type { ReadGate } from './read-gate.ts'
import { Reader } from './reader.ts'

/** The link and the peer whose frames they are. */
interface Whose {
  readonly link: Link
  readonly gate: ReadGate
  readonly rates: LinkRates
  readonly user: User | null
  /** The id of the client. */
  readonly client: string
  /** Called when an answer to a publish was given. */
  readonly answered: () => void
  /** Ends the link. */
  readonly end: (error: HoldfastError) => void
}

/** What comes on a WebSocket link after its hello (PROTOCOL.md §5): subscriptions, publishes, pings. */
export class SocketFrames {
  readonly #core: HubCore
  readonly #whose: Whose
  readonly #reader: Reader
  readonly #publisher: PublishLink
  #owed = 0
  #isOver = false

  constructor(core: HubCore, whose: Whose) {
    const { link, user, client, rates } = whose
    this.#core = core
    this.#whose = whose
    this.#reader = new Reader(link, user, publisherTag(client), core)
    this.#publisher = core.publisher.link(user, client, () => rates.take('publish'))
  }

  /** Publishes that wait for their answer. */
  get owed(): number {
    return this.#owed
  }

  /** Nobody waits for the answers any more. */
  forget(): void {
    this.#owed = 0
  }

  /** The channels of the hello. */
  begin(channels: readonly ChannelRequest[]): void {
    for (const request of channels) this.#reader.add(request)
  }

  /** Asks anew whether the user may be on a channel. */
  recheck(channel: string): void {
    this.#reader.recheck(channel)
  }

  /** Nothing more is read from channels, nor taken. Idempotent. */
  stop(): void {
    this.#isOver = true
    this.#reader.end()
  }

  take(batch: readonly unknown[]): void {
    const { telemetry, limits } = this.#core
    const { link, rates, user } = this.#whose
    let publishes = 0
    for (const value of batch) {
      if (this.#isOver) return
      const frame = this.#read(value)
      if (frame?.type !== 'publish' && frame?.type !== 'send') {
        if (frame) this.#takeOne(frame)
      } else if (++publishes > limits.publishesPerBatch) {
        const error = refusal('too-many', `a batch may have ${limits.publishesPerBatch} publishes at most`)
        telemetry.publishRefused(error, { channel: frame.channel, user })
        if (frame.type === 'publish') link.push(errorText(error, { sequence: frame.sequence }))
        rates.refused()
      } else this.#publish(frame)
    }
  }

  /** A bad frame is refused, and the link goes on (PROTOCOL.md §10.3). */
  #read(value: unknown): ClientFrame | null {
    try {
      return readClientFrame(value, this.#core.limits)
    } catch (error) {
      const { link, rates, user } = this.#whose
      const refused = this.#core.asRefusal(error, 'reading a frame')
      this.#core.telemetry.refused(refused, 'frame', { user })
      const concern = concernOf(value)
      if (concern) link.push(errorText(refused, concern))
      rates.refused()
      return null
    }
  }

  #takeOne(frame: Exclude<ClientFrame, Publish | Send>): void {
    const { link, rates, user, end } = this.#whose
    switch (frame.type) {
      case 'subscribe': {
        const refused = rates.take('subscribe')
        if (!refused) this.#reader.add(frame)
        else {
          this.#core.telemetry.refused(refused, 'channel', { channel: frame.channel, user })
          link.push(errorText(refused, { channel: frame.channel, ref: frame.ref }))
        }
        break
      }
      case 'unsubscribe':
        this.#reader.remove(frame.channel)
        break
      case 'ping':
        link.push(`{"type":"heartbeat","timeMs":${this.#core.clock.wall()}}`)
        break
      case 'hello':
        end(refusal('bad-request', 'a link has one hello'))
    }
  }

  #publish(frame: Publish | Send): void {
    const { gate, rates } = this.#whose
    this.#owed++
    if (this.#owed >= this.#core.limits.publishesInFlight) gate.pause('publishes')
    void (frame.type === 'publish' ? this.#publisher.publish(frame) : this.#publisher.send(frame)).then(this.#published)
    rates.publishCame()
  }

  readonly #published = (answer: string | null): void => {
    const { link, gate, answered } = this.#whose
    this.#owed--
    if (answer !== null) link.push(answer)
    if (this.#owed < this.#core.limits.publishesInFlight) gate.resume('publishes')
    answered()
  }
}
