import type { Place } from '../protocol/position.ts'
import { dataDigest } from './digest.ts'
import type { Environment } from './environment.ts'
import { KeyWindow } from './key-window.ts'
import { Leases, goneOf } from './leases.ts'
import { MemoryLog } from './memory-log.ts'
import { nodeEnvironment } from './node-clock.ts'
import type {
  Appended,
  AppendRequest,
  Leased,
  LeaseRequest,
  Notice,
  Page,
  PageLimit,
  ReadFrom,
  Store,
  StoredMessage,
} from './store.ts'

export interface MemoryStoreOptions {
  /** Messages that a channel keeps. @default 1000 */
  readonly messages?: number | undefined
  /** How long a message is kept, in milliseconds. @default 120000 */
  readonly ageMs?: number | undefined
  /** Channels with messages that are kept; above it those that were used longest ago go. @default 10000 */
  readonly channels?: number | undefined
  /** How long a channel that is neither written nor read is kept, in milliseconds. @default 86400000 */
  readonly idleMs?: number | undefined
}

interface Channel {
  readonly log: MemoryLog
  readonly keys: KeyWindow
  readonly leases: Leases
  usedMs: number
}

const SWEEP_MS = 60_000
const TOMBSTONES = 100_000

/**
 * Logs in this process's memory. A channel without messages costs nothing and shares the store's epoch; its log begins
 * with that epoch, so a position taken before the first message stays valid. A channel that was dropped leaves a mark with
 * the epoch of its next life, so nobody resumes across the drop in silence.
 */
export class MemoryStore implements Store {
  readonly #messages: number
  readonly #ageMs: number
  readonly #maxChannels: number
  readonly #idleMs: number
  readonly #environment: Pick<Environment, 'clock' | 'token'>
  readonly #channels = new Map<string, Channel>()
  readonly #watchers = new Map<string, Set<(notice: Notice) => void>>()
  readonly #hearers = new Set<(text: string) => void>()
  /** Epochs of the next life of channels that were dropped. */
  readonly #dropped = new Map<string, string>()
  #epoch: string
  #sweptMs: number

  constructor(options: MemoryStoreOptions = {}, environment: Pick<Environment, 'clock' | 'token'> = nodeEnvironment) {
    this.#messages = options.messages ?? 1000
    this.#ageMs = options.ageMs ?? 120_000
    this.#maxChannels = options.channels ?? 10_000
    this.#idleMs = options.idleMs ?? 86_400_000
    this.#environment = environment
    this.#epoch = environment.token(9)
    this.#sweptMs = environment.clock.now()
  }

  async append(name: string, request: AppendRequest): Promise<Appended> {
    const nowMs = this.#sweep()
    const { key } = request
    const channel = this.#channels.get(name)
    const digest = key ? dataDigest(request.json) : ''
    const verdict = key && channel ? channel.keys.check(key, digest, nowMs) : { kind: 'new' as const }
    if (verdict.kind === 'repeat') return { kind: 'appended', place: verdict.place, duplicate: true }
    if (verdict.kind !== 'new') return verdict
    if (request.untilMs !== undefined && this.#environment.clock.wall() > request.untilMs) return { kind: 'unknown' }
    const appended = this.#write(channel ?? this.#open(name), request, nowMs)
    const place = placeOf(appended)
    if (key) this.#channels.get(name)?.keys.record(key, digest, place, nowMs)
    this.#tell(name, appended)
    return { kind: 'appended', place, duplicate: false }
  }

  async lease(name: string, request: LeaseRequest): Promise<Leased> {
    const nowMs = this.#sweep()
    const { holder } = request
    if (holder?.untilMs !== undefined && this.#environment.clock.wall() > holder.untilMs) return { kind: 'unknown' }
    const channel = this.#channels.get(name) ?? (holder?.json == null ? undefined : this.#open(name))
    if (!channel) return { kind: 'leased', place: new MemoryLog(this.#epochOf(name)).head, told: false }
    channel.usedMs = nowMs
    const append = (id: string, json: string, gone: boolean, from: Pick<AppendRequest, 'sender'> = {}): void => {
      const keep = { newestOf: id, gone }
      this.#tell(name, this.#write(channel, { json, publisher: id, keep, ...from }, nowMs))
    }
    for (const id of channel.leases.lapsed(nowMs)) append(id, goneOf(id), true)
    const taken = holder ? channel.leases.take(holder, nowMs, request) : 'nothing'
    if (taken === 'full') return { kind: 'full' }
    if (holder && taken === 'gone') append(holder.id, goneOf(holder.id), true)
    if (holder?.json != null && taken === 'holder') {
      append(holder.id, holder.json, false, holder.sender === undefined ? {} : { sender: holder.sender })
    }
    return { kind: 'leased', place: channel.log.head, told: taken !== 'nothing' }
  }

  async read(name: string, from: ReadFrom, limit: PageLimit): Promise<Page> {
    const nowMs = this.#sweep()
    const channel = this.#channels.get(name)
    if (channel) {
      channel.usedMs = nowMs
      channel.log.trim(this.#messages, nowMs - this.#ageMs)
      return this.#named(name, channel.log.read(from, limit))
    }
    return this.#named(name, new MemoryLog(this.#epochOf(name)).read(from, limit))
  }

  async watch(name: string, heard: (notice: Notice) => void): Promise<() => void> {
    const watchers = this.#watchers.get(name) ?? new Set()
    this.#watchers.set(name, watchers)
    // A wrapper of its own, so that one function can watch twice.
    const watcher = (notice: Notice) => heard(notice)
    watchers.add(watcher)
    return () => {
      watchers.delete(watcher)
      if (watchers.size === 0 && this.#watchers.get(name) === watchers) this.#watchers.delete(name)
    }
  }

  async announce(text: string): Promise<void> {
    for (const hearer of [...this.#hearers]) hearer(text)
  }

  async hear(heard: (text: string) => void): Promise<() => void> {
    // A wrapper of its own, so that one function can hear twice.
    const hearer = (text: string) => heard(text)
    this.#hearers.add(hearer)
    return () => void this.#hearers.delete(hearer)
  }

  async close(): Promise<void> {
    this.#watchers.clear()
    this.#hearers.clear()
  }

  /** Ends this life of a channel: its messages go, and its next life has another epoch (readers get a gap). */
  delete(name: string): void {
    this.#drop(name)
  }

  /** For tests: forgets the newest `count` messages, as a failover does; returns where the log ends then. @internal */
  loseTail(name: string, count: number): Place | undefined {
    const log = this.#channels.get(name)?.log
    log?.loseTail(count)
    return log?.head
  }

  #write(channel: Channel, request: AppendRequest, nowMs: number): Notice {
    const { clock, token } = this.#environment
    const { keep = 'history' } = request
    const after = channel.log.head
    const message: StoredMessage = {
      offset: after.offset + 1,
      id: token(6),
      timeMs: clock.wall(),
      json: request.json,
      ...(request.sender === undefined ? {} : { sender: request.sender }),
      ...(request.publisher === undefined ? {} : { publisher: request.publisher }),
      ...(typeof keep === 'object' && { conflationKey: keep.newestOf, ...(keep.gone && { gone: true as const }) }),
    }
    channel.log.append(message, nowMs)
    channel.log.trim(keep === 'none' ? 0 : this.#messages, nowMs - this.#ageMs)
    channel.usedMs = nowMs
    return { after, message }
  }

  #open(name: string): Channel {
    if (this.#channels.size >= this.#maxChannels) this.#makeRoom()
    const log = new MemoryLog(this.#epochOf(name))
    const channel = { log, keys: new KeyWindow(), leases: new Leases(), usedMs: 0 }
    this.#dropped.delete(name)
    this.#channels.set(name, channel)
    return channel
  }

  /** Of a channel without messages. */
  #epochOf(name: string): string {
    return this.#dropped.get(name) ?? this.#epoch
  }

  #tell(name: string, notice: Notice): void {
    for (const heard of [...(this.#watchers.get(name) ?? [])]) heard(notice)
  }

  #drop(name: string): void {
    if (!this.#channels.delete(name)) return
    if (this.#dropped.size >= TOMBSTONES) {
      // No room for another mark: all channels without messages begin a new life at once.
      this.#dropped.clear()
      this.#epoch = this.#environment.token(9)
    }
    this.#dropped.set(name, this.#environment.token(9))
  }

  /** A sixteenth at a time, so that the search for the oldest is not made for each new channel. */
  #makeRoom(): void {
    const byUse = [...this.#channels].sort(([, a], [, b]) => a.usedMs - b.usedMs)
    for (const [name] of byUse.slice(0, Math.max(1, this.#maxChannels >> 4))) this.#drop(name)
  }

  /** Once a minute of use: what is too old goes also where nobody reads. */
  #sweep(): number {
    const nowMs = this.#environment.clock.now()
    if (nowMs - this.#sweptMs < SWEEP_MS) return nowMs
    this.#sweptMs = nowMs
    for (const [name, channel] of this.#channels) {
      if (this.#watchers.has(name)) channel.usedMs = nowMs
      channel.keys.expire(nowMs)
      channel.log.trim(this.#messages, nowMs - this.#ageMs)
      if (nowMs - channel.usedMs > this.#idleMs) this.#drop(name)
    }
    return nowMs
  }

  /** A reader of an earlier life of a channel that was dropped is told so (PROTOCOL.md §3.10, `expired`). */
  #named(name: string, page: Page): Page {
    const expired = page.gap?.reason === 'epoch' && this.#dropped.has(name)
    return expired ? { ...page, gap: { ...page.gap, reason: 'expired' } } : page
  }
}

const placeOf = ({ after: { epoch }, message: { offset, id } }: Notice): Place => ({ epoch, offset, id })

/** A store in this process's memory: what was acknowledged is lost when the process ends, and readers get a gap. */
export const memoryStore = (options: MemoryStoreOptions = {}): MemoryStore => new MemoryStore(options)
