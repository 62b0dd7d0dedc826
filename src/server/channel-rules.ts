import type { Authorize, AuthorizeQuestion, User } from './authorize.ts'
import { fitsPattern, readPattern } from './channel-pattern.ts'
import type { ChannelPattern } from './channel-pattern.ts'

/** Yes or no, or a function that is asked; only its `true` is a yes. */
export type ChannelPermit<Known extends User = User> =
  | boolean
  | ((question: AuthorizeQuestion<Known>) => boolean | Promise<boolean>)

/** Who may do what on the channels of a pattern. What is left out is refused. */
export interface ChannelRule<Known extends User = User> {
  /**
   * Literal text, in which `*` stands for any run of characters and `{userId}` for the user's own id, as `chat:*` and `inbox:{userId}`. At
   * most 256 characters and four `*`. With `{userId}` it fits for nobody who is not authenticated.
   */
  readonly channel: string
  /** @default false */
  readonly subscribe?: ChannelPermit<Known> | undefined
  /** @default false */
  readonly publish?: ChannelPermit<Known> | undefined
}

/** A user with whatever fields `authenticate` may have given it. */
export type AnyUser = User & Readonly<Record<string, unknown>>

interface Read<Known extends User> {
  readonly pattern: ChannelPattern
  readonly rule: ChannelRule<Known>
}

const FIELDS: readonly string[] = ['channel', 'subscribe', 'publish']

/**
 * An `authorize` of rules by pattern. The first one that fits the channel decides; where none fits, it is refused.
 * @throws TypeError that names the rule which is wrong
 */
export const channelRules = <Known extends User = AnyUser>(rules: readonly ChannelRule<Known>[]): Authorize<Known> => {
  const isList: boolean = Array.isArray(rules)
  if (!isList) throw new TypeError('holdfast: channelRules takes an array of rules')
  const all = rules.map((rule, index) => readRule(rule, index))
  return (question) => {
    const { user, action, channel } = question
    const userId = user === null ? null : user.userId
    const fitting = all.find(({ pattern }) => fitsPattern(pattern, channel, userId))
    const permit = fitting?.rule[action] ?? false
    return typeof permit === 'function' ? permit(question) : permit
  }
}

const readRule = <Known extends User>(rule: ChannelRule<Known>, index: number): Read<Known> => {
  const given: unknown = rule
  const fail = (what: string): never => {
    const name = typeof given === 'object' && given !== null && 'channel' in given ? nameOf(given.channel) : ''
    throw new TypeError(`holdfast: channelRules: rules[${index}]${name}: ${what}`)
  }
  if (typeof given !== 'object' || given === null) return fail('a rule must be an object')
  const unknown = Object.keys(given).find((field) => !FIELDS.includes(field))
  if (unknown !== undefined) fail(`${JSON.stringify(unknown)} is no field of a rule; ${FIELDS.join(', ')} are`)
  for (const action of ['subscribe', 'publish'] as const) {
    if (!['boolean', 'function', 'undefined'].includes(typeof rule[action])) {
      fail(`${action} must be true, false or a function`)
    }
  }
  try {
    // A copy: what is changed later was not looked at.
    return { pattern: readPattern(rule.channel), rule: { ...rule } }
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error))
  }
}

const nameOf = (channel: unknown): string =>
  typeof channel === 'string' ? ` (${JSON.stringify(channel.slice(0, 60))})` : ''
