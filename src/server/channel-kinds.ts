import { PRESENCE } from '../protocol/frames.ts'
import { fitsPattern, readSharedPattern } from './channel-pattern.ts'
import type { ChannelPattern } from './channel-pattern.ts'
import type { Keep } from './store.ts'

/**
 * What a channel is. `log`: every message, in order, or a gap. `conflated`: the newest message of each key, as of quotes. `volatile`: whoever is
 * there gets it, and nothing is kept, as of cursors.
 */
export type KindName = 'log' | 'conflated' | 'volatile'

/** The kind of the channels of a pattern. */
export interface ChannelKind {
  /** Literal text, in which `*` stands for any run of characters, as `quotes:*`. At most 256 characters and four `*`. */
  readonly channel: string
  readonly kind: KindName
  /**
   * For `conflated`: the field of the data whose value, a text or a number, is the key.
   * @default the whole channel has one key, and so one newest message
   */
  readonly by?: string | undefined
}

export type Kind = Pick<ChannelKind, 'kind' | 'by'>

/** Finds the kind of a channel. */
export type KindOf = (channel: string) => Kind

const LOG: Kind = { kind: 'log' }
/** Its keys are those of leases. */
const WHO_IS_THERE: Kind = { kind: 'conflated' }
const FIELDS: readonly string[] = ['channel', 'kind', 'by']
const KINDS: readonly unknown[] = ['log', 'conflated', 'volatile']
const MOST_KEY_CHARS = 256

/**
 * Reads rules by pattern. The first one that fits a channel decides; where none fits, it is a log.
 * @throws TypeError that names the rule which is wrong
 */
export const channelKinds = (rules: readonly ChannelKind[] = []): KindOf => {
  const isList: boolean = Array.isArray(rules)
  if (!isList) throw new TypeError('holdfast: kinds must be an array of rules')
  const all = rules.map(readKind)
  return (channel) => {
    if (channel.startsWith(PRESENCE)) return WHO_IS_THERE
    return all.find(({ pattern }) => fitsPattern(pattern, channel, null))?.rule ?? LOG
  }
}

const readKind = (rule: ChannelKind, index: number): { pattern: ChannelPattern; rule: ChannelKind } => {
  const given: unknown = rule
  const fail = (what: string): never => {
    throw new TypeError(`holdfast: kinds[${index}]: ${what}`)
  }
  if (typeof given !== 'object' || given === null) return fail('a rule must be an object')
  const unknown = Object.keys(given).find((field) => !FIELDS.includes(field))
  if (unknown !== undefined) fail(`${JSON.stringify(unknown)} is no field of a rule; ${FIELDS.join(', ')} are`)
  if (!KINDS.includes(rule.kind)) fail(`kind must be one of ${KINDS.join(', ')}`)
  if (rule.by !== undefined && (rule.kind !== 'conflated' || typeof rule.by !== 'string' || rule.by === '')) {
    fail('by is for the kind conflated: the name of a field of the data')
  }
  try {
    return { pattern: readSharedPattern(rule.channel, 'a kind'), rule: { ...rule } }
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error))
  }
}

/** How a message is kept on a channel of this kind; null when its data has no key there, as `keyWanted` says. */
export const keepOf = ({ kind, by }: Kind, data: unknown): Keep | null => {
  if (kind === 'log') return 'history'
  if (kind === 'volatile') return 'none'
  if (by === undefined) return { newestOf: '' }
  const key = typeof data === 'object' && data !== null && Object.hasOwn(data, by) ? (data as Fields)[by] : undefined
  const isKey = typeof key === 'number' || (typeof key === 'string' && key.length <= MOST_KEY_CHARS)
  // A text and a number that look alike are two keys.
  return isKey ? { newestOf: JSON.stringify(key) } : null
}

export const keyWanted = ({ by = '' }: Kind): string =>
  `the data needs ${JSON.stringify(by)}, a text of at most ${MOST_KEY_CHARS} characters or a number: of each only the newest message is kept`

type Fields = Readonly<Record<string, unknown>>
