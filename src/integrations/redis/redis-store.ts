import { dataDigest } from '../../server/digest.ts'
import type { Environment } from '../../server/environment.ts'
import { holderDigest } from '../../server/leases.ts'
import { isPage } from '../../server/store.ts'
import type {
  Appended,
  AppendRequest,
  Holder,
  Keep,
  Leased,
  LeaseRequest,
  Notice,
  Page,
  PageLimit,
  PublishKey,
  ReadFrom,
  Store,
  StoredMessage,
} from '../../server/store.ts'
import { parsePosition } from '../../protocol/position.ts'
import type { Place } from '../../protocol/position.ts'
import type { RedisLink } from './link.ts'
import { announcements, namesOf } from './names.ts'
import { openLink } from './open-link.ts'
import { checkedStoreOptions } from './options.ts'
import type { RedisStoreOptions } from './options.ts'
import { readScript, writingScripts } from './scripts.ts'
import type { Script } from './scripts.ts'

/** Time of the store beside that of Redis, for tests: ms that are added to it. */
type Skewed = Environment & { readonly skewMs?: () => number }

/** At least the time in which a client sends again (PROTOCOL.md §8.3–8.5). */
const WINDOW_MS = 120_000
const WINDOW_KEYS = 10_000
const WINDOW_CLIENTS = 50_000

type Entry = readonly string[]

/** Logs in Redis, for any number of hubs. What was acknowledged is as safe as the memory of that Redis. */
export class RedisStore implements Store {
  readonly #link: RedisLink
  readonly #append: Script
  readonly #lease: Script
  readonly #environment: Skewed
  readonly #prefix: string
  /** How much history is kept, as both scripts take it. */
  readonly #kept: readonly string[]
  readonly #report: (error: unknown, context: string) => void

  constructor(options: RedisStoreOptions, environment: Skewed) {
    const { cluster, client, prefix, messages, ageMs, idleMs, commandMs, url } = checkedStoreOptions(options)
    this.#prefix = prefix
    this.#kept = [messages, ageMs, idleMs].map(String)
    this.#environment = environment
    this.#report = (error, context) => options.onError?.({ error, context })
    const { append, lease } = writingScripts(cluster ? 'SPUBLISH' : 'PUBLISH')
    this.#append = append
    this.#lease = lease
    const { clock, turn } = environment
    const scripts = [append, lease, readScript]
    this.#link = openLink({ url, cluster }, { client, scripts, commandMs, clock, turn, report: this.#report })
  }

  async append(channel: string, request: AppendRequest): Promise<Appended> {
    const { meta, log, newest, window, notice } = namesOf(this.#prefix, channel)
    const { json, sender, publisher = '', untilMs = '' } = request
    const kept = typeof request.keep === 'object' ? newest : []
    const reply = await this.#link.run(
      this.#append,
      // In a slot that is moving only those run whose keys are all there.
      [meta, log, ...kept, ...(request.key ? window : [])],
      [
        ...this.#common(),
        json,
        this.#environment.token(6),
        senderOf(sender),
        publisher,
        ...keyOf(request.key),
        request.key ? dataDigest(json) : '',
        String(untilMs),
        String(WINDOW_MS),
        String(WINDOW_KEYS),
        String(WINDOW_CLIENTS),
        notice,
        ...keepingOf(request.keep),
      ],
    )
    const [kind, position = ''] = reply as Entry
    if (kind === 'unknown' || kind === 'conflict' || kind === 'full') return { kind }
    return { kind: 'appended', place: placeOf(position, reply), duplicate: kind === 'repeat' }
  }

  async lease(channel: string, { holder, leaseMs, holders }: LeaseRequest): Promise<Leased> {
    const { meta, log, newest, leases, notice } = namesOf(this.#prefix, channel)
    const reply = await this.#link.run(
      this.#lease,
      [meta, log, ...newest, ...leases],
      [
        ...this.#common(),
        this.#environment.token(6),
        notice,
        String(leaseMs),
        String(holders),
        ...(holder ? holderOf(holder) : ['', '-1', '', '', '', '']),
      ],
    )
    const [kind, position = '', told] = reply as Entry
    if (kind === 'unknown' || kind === 'full') return { kind }
    return { kind: 'leased', place: placeOf(position, reply), told: told === '1' }
  }

  async read(channel: string, from: ReadFrom, limit: PageLimit): Promise<Page> {
    const { meta, log, newest } = namesOf(this.#prefix, channel)
    const last = isPage(from) ? from.last : Infinity
    const most = [Math.min(limit.messages, last), limit.bytes].map((bound) =>
      String(Math.min(bound, Number.MAX_SAFE_INTEGER)),
    )
    const args = [...this.#common(), ...startOf(from), ...most]
    let reply = await this.#link.run(readScript, [meta, log], args)
    // The channel is conflated, so it is kept in two more keys: which other channels do not have.
    if (reply[0] === 'conflated') reply = await this.#link.run(readScript, [meta, log, ...newest], args)
    const [epoch, reason, offset, id, more, entries] = reply as [
      string,
      string,
      string,
      string,
      string,
      readonly (readonly [offset: string, fields: Entry])[],
    ]
    const after: Place = { epoch, offset: Number(offset), id }
    const messages = entries.map(([at, fields]) => messageOf(fields, Number(at)))
    const page: Page = { after, messages, more: more === '1' }
    const stood = placeIn(from)
    if (reason === '' || !stood) return page
    return { ...page, gap: { from: stood, to: after, reason: reason as 'epoch' | 'trimmed' | 'lost-tail' } }
  }

  watch(channel: string, heard: (notice: Notice | null) => void): Promise<() => void> {
    const { notice } = namesOf(this.#prefix, channel)
    return this.#link.subscribe(notice, (text) => heard(text === null ? null : this.#noticeOf(text)))
  }

  announce(text: string): Promise<void> {
    return this.#link.announce(announcements(this.#prefix), text)
  }

  hear(heard: (text: string) => void): Promise<() => void> {
    return this.#link.hear(announcements(this.#prefix), (text) => {
      // What was announced meanwhile is missed.
      if (text !== null) heard(text)
    })
  }

  /** Whether Redis answers. */
  check(): Promise<void> {
    return this.#link.ping()
  }

  /** Ends all connections; what is under way is refused. Idempotent. */
  close(): Promise<void> {
    return this.#link.close()
  }

  #common(): string[] {
    const { token, skewMs } = this.#environment
    return [String(skewMs?.() ?? 0), token(9), ...this.#kept]
  }

  #noticeOf(text: string): Notice | null {
    try {
      const end = text.indexOf('\n')
      const { after, message } = JSON.parse(text.slice(0, end)) as NoticeHead
      const offset = Number(after.offset)
      return {
        after: { epoch: after.epoch, offset, id: after.id },
        message: { ...message, offset: offset + 1, timeMs: Number(message.timeMs), json: text.slice(end + 1) },
      }
    } catch (error) {
      this.#report(error, 'reading a notice from Redis')
      return null
    }
  }
}

/** As the script writes it: numbers are text, for Lua would round them. */
interface NoticeHead {
  readonly after: { readonly epoch: string; readonly offset: string; readonly id: string }
  readonly message: {
    readonly id: string
    readonly timeMs: string
    readonly sender?: string
    readonly publisher?: string
    readonly conflationKey?: string
    readonly gone?: true
  }
}

const messageOf = (entry: Entry, offset: number): StoredMessage => {
  const [, id = '', , timeMs = '', , json = '', ...rest] = entry
  const message = { offset, id, timeMs: Number(timeMs), json }
  const given = (name: string): string | undefined => {
    const at = rest.findIndex((text, index) => index % 2 === 0 && text === name)
    return at < 0 ? undefined : rest[at + 1]
  }
  const [sender, publisher, conflationKey] = [given('s'), given('p'), given('k')]
  return {
    ...message,
    ...(sender !== undefined && { sender }),
    ...(publisher !== undefined && { publisher }),
    ...(conflationKey !== undefined && { conflationKey }),
    ...(given('g') !== undefined && { gone: true as const }),
  }
}

/** @throws Error that shows the whole reply, when Redis says something else */
const placeOf = (position: string, reply: unknown): Place => {
  const place = parsePosition(position)
  if (!place) throw new Error(`Redis answered a script with ${JSON.stringify(reply).slice(0, 200)}`)
  return place
}

/** Id, sequence, what is told, digest of that, and time of an end. */
const holderOf = (holder: Holder): string[] => {
  const { id, sequence = -1, json, sender, untilMs = '' } = holder
  return [id, String(sequence), json ?? '', senderOf(sender), holderDigest(holder), String(untilMs)]
}

/** A user may be called ''. */
const senderOf = (sender: string | undefined): string => (sender === undefined ? '' : `+${sender}`)

/** How a message is kept, its conflation key, and whether there is nothing more to be known of that. */
const keepingOf = (keep: Keep = 'history'): string[] =>
  typeof keep === 'string' ? [keep, '', ''] : ['newest', keep.newestOf, keep.gone ? '1' : '']

/** The place that a start names. */
const placeIn = (from: ReadFrom): Place | null => {
  if (typeof from === 'string') return null
  if ('after' in from) return from.after
  return isPage(from) && from.before !== 'end' ? from.before : null
}

const startOf = (from: ReadFrom): string[] => {
  if (typeof from === 'string') return [from, '', '0', '']
  if (!('after' in from) && !isPage(from)) return ['last', '', String(from.last), '']
  const place = placeIn(from)
  if (!place) return ['end', '', '0', '']
  return ['after' in from ? 'after' : 'before', place.epoch, String(place.offset), place.id]
}

/** Kind, field of the key, field of its client, and sequence. Digests: bounded, and the length keeps one user's keys from looking like another's. */
const keyOf = (key: PublishKey | undefined): string[] => {
  if (!key) return ['', '', '', '0']
  const scoped = (rest: string): string => dataDigest(`${key.userId.length}:${key.userId}:${rest}`)
  if ('key' in key) return ['k', scoped(key.key), '', '0']
  return ['s', scoped(`${key.client}:${key.sequence}`), scoped(key.client), String(key.sequence)]
}
