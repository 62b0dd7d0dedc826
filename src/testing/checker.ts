import { formatPosition, samePlace } from '../protocol/position.ts'
import type { Place } from '../protocol/position.ts'
import { readTruth } from './checker-truth.ts'
import type { ChannelTruth, Truth } from './checker-truth.ts'
import type { Finding, HistoryLine, HistoryRule } from './history.ts'

/** One subscription as its lines tell it. */
interface Reader {
  readonly client: string
  readonly channel: string
  /** Where it stands. */
  at: Place
  /** Offsets that it was not given though later ones were, the newest hole. */
  readonly skipped: Set<number>
  ended: boolean
}

/** An acknowledged publish, to be compared with others of its channel. */
interface Acked {
  readonly n: number
  readonly position: Place
}

/** Holes larger than that are told apart from repeats no more. */
const MAX_SKIPPED = 10_000

/** Words are made only for what is reported: there are thousands of lines, and next to no findings. */
type Report = (rule: HistoryRule, line: number, what: string | (() => string)) => void

const isAhead = (a: Place, b: Place): boolean => a.epoch === b.epoch && a.offset > b.offset

/** R1–R4, R12, R13, R15: each subscription by itself, line by line. */
const judgeReaders = (lines: readonly HistoryLine[], truth: Truth, report: Report): void => {
  const readers = new Map<string, Reader>()
  const revoked = new Set<string>()

  const onDeliver = (line: number, sub: string, reader: Reader, position: Place): void => {
    const { at } = reader
    const channel = truth.channel(reader.channel)
    const here = () => `${sub} stands at ${formatPosition(at)} and gets ${formatPosition(position)}`
    // What was under way when the tail was lost may still come.
    const forked = channel.isForked(at, line) && !channel.isForked(position, line)
    if (position.epoch !== at.epoch) report('silent-epoch-change', line, here)
    else if (forked) {
      report('silent-fork', line, here)
    } else if (samePlace(position, at)) report('duplicate', line, here)
    else if (position.offset <= at.offset) {
      report(reader.skipped.delete(position.offset) ? 'nonmonotonic' : 'duplicate', line, here)
    } else if (position.offset > at.offset + 1) {
      report('silent-skip', line, here)
      for (let missing = at.offset + 1; missing < position.offset && reader.skipped.size < MAX_SKIPPED; missing++) {
        reader.skipped.add(missing)
      }
    }
    if (forked || position.epoch !== at.epoch || position.offset > at.offset) reader.at = position
  }

  const onGap = (line: number, sub: string, reader: Reader, gap: HistoryLine & { type: 'gap' }): void => {
    const { from, to, reason } = gap
    const channel = truth.channel(reader.channel)
    const here = () => `${sub}: gap ${reason} from ${formatPosition(from)} to ${formatPosition(to)}`
    const forked = channel.isForked(from, line)
    const first = channel.firstAt(to.epoch, line)
    const begins = () => `${here()}, but history begins at ${first}`
    if (!samePlace(from, reader.at)) {
      report('gap-from-mismatch', line, `${here()}, but it stands at ${formatPosition(reader.at)}`)
    } else if (from.epoch === to.epoch && !forked) {
      if (!isAhead(to, from)) report('gap-not-forward', line, here)
      else if (reason !== 'limit' && first <= from.offset + 1) report('false-gap', line, begins)
      if (reason !== 'limit' && to.offset >= first) report('wide-gap', line, begins)
    } else if (!forked && to.offset >= first) report('wide-gap', line, begins)
    reader.at = to
  }

  for (const [line, entry] of lines.entries()) {
    if (entry.type === 'revoke') revoked.add(`${entry.client} ${entry.channel}`)
    if (entry.type === 'subscribe') {
      const { client, channel, position } = entry
      readers.set(entry.sub, { client, channel, at: position, skipped: new Set(), ended: false })
    }
    if (entry.type === 'quiesce') {
      for (const [sub, { channel, at, ended }] of readers) {
        const head = truth.channel(channel).headAt(line)
        if (!ended && head && !samePlace(at, head)) {
          report('not-caught-up', line, `${sub} stands at ${formatPosition(at)}, the head is ${formatPosition(head)}`)
        }
      }
    }
    if (entry.type !== 'deliver' && entry.type !== 'gap' && entry.type !== 'unsubscribe') continue
    const reader = readers.get(entry.sub)
    if (!reader) continue
    if (entry.type === 'unsubscribe') {
      reader.ended = true
      continue
    }
    if (reader.ended) report('delivery-after-unsubscribe', line, `${entry.sub} gets a ${entry.type} after its end`)
    if (revoked.has(`${reader.client} ${reader.channel}`)) {
      report('revoked-read', line, `${entry.sub} gets a ${entry.type} after ${reader.client} lost its permission`)
    }
    if (entry.type === 'gap') onGap(line, entry.sub, reader, entry)
    else onDeliver(line, entry.sub, reader, entry.position)
  }
}

/** R5–R7 and what was delivered: publishes against the log. Judged after the whole log, for lines of two actors come in either order. */
const judgePublishes = (lines: readonly HistoryLine[], truth: Truth, report: Report): void => {
  const failed = new Set(lines.flatMap((entry) => (entry.type === 'pub.fail' ? [entry.key] : [])))
  const subs = new Map(lines.flatMap((entry) => (entry.type === 'subscribe' ? [[entry.sub, entry.channel]] : [])))
  const newestAck = new Map<string, Place>()
  const before = new Map<string, Place | undefined>()
  const byPublisher = new Map<string, Acked>()

  for (const [line, entry] of lines.entries()) {
    if (entry.type === 'pub.invoke') before.set(entry.key, newestAck.get(entry.channel))
    if (entry.type === 'deliver') {
      const { position, hash, sub } = entry
      const key = truth.channel(subs.get(sub) ?? '').keyOf(position)
      const invoked = key === undefined ? undefined : truth.invokes.get(key)
      const what = () => `${sub} got ${formatPosition(position)}`
      if (!invoked) report('phantom', line, `${what()}, which nobody published`)
      else if (invoked.hash !== hash) report('corrupt', line, `${what()} with ${hash} instead of ${invoked.hash}`)
      if (key !== undefined && failed.has(key)) report('aborted-read', line, `${what()}, whose publish has failed`)
    }
    if (entry.type !== 'pub.ok') continue
    const { key, position } = entry
    const invoked = truth.invokes.get(key)
    if (!invoked) continue
    const { channel, publisher, n } = invoked
    const log = truth.channel(channel)
    const what = () => `publish ${n} of ${publisher} at ${formatPosition(position)}`
    if (log.keyOf(position) !== key && !log.lost(position)) report('lost-ack', line, `${what()} is not in the log`)
    const earlier = before.get(key)
    if (earlier && isAhead(earlier, position) && !log.lost(position)) {
      report('publisher-order', line, `${what()} was invoked after ${formatPosition(earlier)} was acknowledged`)
    }
    const own = byPublisher.get(`${publisher} ${channel}`)
    const inOrder = own?.position.epoch !== position.epoch || own.n < n === isAhead(position, own.position)
    if (own && !inOrder && !log.lost(position)) {
      report('publisher-order', line, `${what()} and its publish ${own.n} at ${formatPosition(own.position)}`)
    }
    if (!own || own.n < n) byPublisher.set(`${publisher} ${channel}`, { n, position })
    const newest = newestAck.get(channel)
    if (newest?.epoch !== position.epoch || isAhead(position, newest)) newestAck.set(channel, position)
  }
}

/** R24: a test in which nothing happened proves nothing. */
const judgeEmptiness = (lines: readonly HistoryLine[], report: Report): void => {
  const end = lines.length - 1
  if (!lines.some(({ type }) => type === 'pub.ok')) report('vacuous', end, 'nothing was acknowledged')
  if (!lines.some(({ type }) => type === 'quiesce')) report('vacuous', end, 'it never came to rest')
  const open = new Map<string, number>()
  let happened = 0
  for (const [line, entry] of lines.entries()) {
    if (entry.type === 'pub.ok' || entry.type === 'deliver') happened++
    if (entry.type !== 'fault') continue
    if (entry.on) open.set(entry.name, happened)
    else {
      if (!entry.fired) report('vacuous', line, `the fault ${entry.name} did nothing`)
      if (open.get(entry.name) === happened) report('vacuous', line, `nothing happened during the fault ${entry.name}`)
    }
  }
}

const judgeLog = (channels: ReadonlyMap<string, ChannelTruth>, report: Report): void => {
  for (const channel of channels.values()) for (const { rule, line, what } of channel.findings) report(rule, line, what)
}

/**
 * Everything in a history that breaks the contract; empty when nothing does. Pure, in time linear in the number of lines.
 * Every position that is named anywhere counts: acknowledgements, appends, deliveries.
 */
export const checkHistory = (lines: readonly HistoryLine[]): Finding[] => {
  const findings: Finding[] = []
  const report: Report = (rule, line, what) =>
    findings.push({ rule, line, what: typeof what === 'string' ? what : what() })
  const truth = readTruth(lines)
  judgeLog(truth.channels, report)
  judgeReaders(lines, truth, report)
  judgePublishes(lines, truth, report)
  judgeEmptiness(lines, report)
  return findings.sort((a, b) => a.line - b.line)
}
