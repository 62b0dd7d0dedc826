import { formatPosition, startOf } from '../protocol/position.ts'
import type { Place } from '../protocol/position.ts'
import type { Finding, HistoryLine } from './history.ts'

/** Something that holds from a line of the history on. */
interface Since<T> {
  readonly line: number
  readonly value: T
}

/** One message of the log: where it came, and on which line. */
interface Append {
  readonly line: number
  readonly key: string
  readonly position: Place
}

/** What held at a line; the list is in the order of its lines. */
const latest = <T>(list: readonly Since<T>[] = [], line: number): T | undefined => {
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((list[middle]?.line ?? 0) <= line) low = middle + 1
    else high = middle
  }
  return list[low - 1]?.value
}

const push = <T>(lists: Map<string, Since<T>[]>, key: string, line: number, value: T): void => {
  const list = lists.get(key) ?? []
  list.push({ line, value })
  lists.set(key, list)
}

/** What was in the log of one channel, and when. */
export class ChannelTruth {
  readonly findings: Finding[] = []
  /** By id, of all branches: where, the key, and the line of the append. */
  readonly #appends = new Map<string, Append>()
  /** Where each key was appended last. */
  readonly #keys = new Map<string, Place>()
  /** The id at each offset, newest branch; an offset is `epoch.offset`. */
  readonly #ids = new Map<string, string>()
  /** Ends of the log of the life that is now. */
  readonly #heads: Since<Place>[] = []
  /** The newest offset of each life. */
  readonly #offsets = new Map<string, number>()
  readonly #firsts = new Map<string, Since<number>[]>()
  readonly #forks = new Map<string, Since<number>[]>()

  append(line: number, key: string, position: Place): void {
    const { epoch, offset, id } = position
    const earlier = this.#appends.get(id)?.position
    const last = this.#offsets.get(epoch) ?? 0
    const same = this.#keys.get(key)
    this.#keys.set(key, position)
    // What was lost with its tail, or with its life of the log, may come again.
    if (same?.epoch === epoch && !this.isForked(same, line)) {
      this.findings.push({
        rule: 'duplicate-append',
        line,
        what: `${key} is at ${formatPosition(same)} and at ${formatPosition(position)}`,
      })
    }
    if (earlier) {
      this.findings.push({
        rule: 'duplicate-append',
        line,
        what: `${id} is at ${formatPosition(earlier)} and at ${formatPosition(position)}`,
      })
    } else if (offset !== last + 1) {
      this.findings.push({
        rule: 'append-not-contiguous',
        line,
        what: `${formatPosition(position)} is appended after offset ${last}`,
      })
    }
    this.#appends.set(id, { line, key, position })
    this.#offsets.set(epoch, offset)
    this.mention(line, position)
    // A process that is going down may still append to its own life of the log.
    if ((this.#heads.at(-1)?.value.epoch ?? epoch) === epoch) this.#heads.push({ line, value: position })
  }

  /** Any line that names a position: one offset has one id, but above a lost tail. */
  mention(line: number, { epoch, offset, id }: Place): void {
    const place = `${epoch}.${offset}`
    const known = this.#ids.get(place)
    if (known === undefined) this.#ids.set(place, id)
    else if (known !== id && !this.#isAboveFork(epoch, offset)) {
      this.findings.push({ rule: 'inconsistent-offset', line, what: `${place} is ${known} and ${id}` })
    }
  }

  newEpoch(line: number, epoch: string, at = startOf(epoch)): void {
    this.#heads.push({ line, value: at })
    this.#offsets.set(epoch, at.offset)
  }

  trim(line: number, epoch: string, first: number): void {
    push(this.#firsts, epoch, line, first)
  }

  loseTail(line: number, after: Place): void {
    push(this.#forks, after.epoch, line, after.offset)
    this.#offsets.set(after.epoch, after.offset)
    this.#heads.push({ line, value: after })
  }

  keyOf(position: Place): string | undefined {
    return this.#at(position)?.key
  }

  headAt(line: number): Place | undefined {
    return latest(this.#heads, line)
  }

  /** The first offset that could be read at a line; 1 when nothing was trimmed. */
  firstAt(epoch: string, line: number): number {
    return latest(this.#firsts.get(epoch), line) ?? 1
  }

  /** A declared loss took this position. */
  lost({ epoch, offset }: Place): boolean {
    return this.#isAboveFork(epoch, offset)
  }

  /** The position belongs to a tail that has been lost up to `line`. */
  isForked(position: Place, line: number): boolean {
    const { epoch, offset } = position
    const forks = this.#forks.get(epoch)
    if (!forks) return false
    const appended = this.#at(position)?.line ?? 0
    return forks.some((fork) => fork.line > appended && fork.line <= line && offset > fork.value)
  }

  #at(position: Place): Append | undefined {
    const append = this.#appends.get(position.id)
    return append?.position.offset === position.offset && append.position.epoch === position.epoch ? append : undefined
  }

  #isAboveFork(epoch: string, offset: number): boolean {
    return (this.#forks.get(epoch) ?? []).some((fork) => offset > fork.value)
  }
}

type Invoke = HistoryLine & { type: 'pub.invoke' }

/** What the stores held, put together from the whole history. */
export interface Truth {
  readonly channels: ReadonlyMap<string, ChannelTruth>
  /** By key. */
  readonly invokes: ReadonlyMap<string, Invoke>
  channel(name: string): ChannelTruth
}

export const readTruth = (lines: readonly HistoryLine[]): Truth => {
  const channels = new Map<string, ChannelTruth>()
  const invokes = new Map<string, Invoke>()
  const subs = new Map<string, string>()
  const channel = (name: string): ChannelTruth => {
    const known = channels.get(name) ?? new ChannelTruth()
    channels.set(name, known)
    return known
  }
  for (const [line, entry] of lines.entries()) {
    if (entry.type === 'pub.invoke') invokes.set(entry.key, entry)
    else if (entry.type === 'subscribe') subs.set(entry.sub, entry.channel)
    else if (entry.type === 'append') channel(entry.channel).append(line, entry.key, entry.position)
    else if (entry.type === 'epoch') channel(entry.channel).newEpoch(line, entry.epoch, entry.at)
    else if (entry.type === 'trim') channel(entry.channel).trim(line, entry.epoch, entry.first)
    else if (entry.type === 'lost-tail') channel(entry.channel).loseTail(line, entry.after)
    else if (entry.type === 'deliver') channel(subs.get(entry.sub) ?? '').mention(line, entry.position)
  }
  // Acknowledgements last: theirs may come before the line of the append.
  for (const [line, entry] of lines.entries()) {
    if (entry.type !== 'pub.ok') continue
    const invoked = invokes.get(entry.key)
    if (invoked) channel(invoked.channel).mention(line, entry.position)
  }
  return { channels, invokes, channel }
}
