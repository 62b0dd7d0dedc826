import { STREAM_NAME, isStreamName } from '../integrations/redis/queue/queue-names.ts'
import { DEFAULT_LIMITS } from '../server/limits.ts'
import type { HubLimits } from '../server/limits.ts'
import { checkOriginList } from '../server/origins.ts'
import { presenceRules } from '../server/presence.ts'
import { didYouMean } from './did-you-mean.ts'

/** Why a value cannot be used, as the end of a sentence that begins with its source: `must be a port`. */
export class Unusable extends Error {}

/** What a setting may be. Both functions throw `Unusable`. */
export interface Kind<Value> {
  /** For the help: `port`, `seconds`. */
  readonly word: string
  readonly fromText: (text: string) => Value
  /** From a value of a JSON or module file. */
  readonly fromFile: (value: unknown) => Value
}

const wrong = (expected: string): never => {
  throw new Unusable(`must be ${expected}`)
}

const wholeNumber = (word: string, expected: string, least: number, most: number): Kind<number> => {
  const check = (value: unknown): number =>
    typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most ? value : wrong(expected)
  return { word, fromText: (text) => check(/^\d{1,12}$/.test(text) ? Number(text) : NaN), fromFile: check }
}

export const port = wholeNumber('port', 'a port, 0 to 65535; 0 takes any free one', 0, 65_535)
export const count = wholeNumber('number', 'a whole number, 1 or more', 1, 1e9)
export const proxies = wholeNumber('number', 'a whole number, 0 to 16', 0, 16)
export const seconds = wholeNumber('seconds', 'a whole number of seconds, 1 to 86400', 1, 86_400)

const asText = (word: string, expected: string, isGood: (text: string) => boolean): Kind<string> => {
  const check = (value: unknown): string => (typeof value === 'string' && isGood(value) ? value : wrong(expected))
  return { word, fromText: check, fromFile: check }
}

// oxlint-disable-next-line no-control-regex -- controls are what is refused
const PRINTABLE = /^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]{1,2000}$/
export const text = asText('text', 'a text of one line', (given) => PRINTABLE.test(given))
export const file = asText('file', 'the path of a file', (given) => PRINTABLE.test(given))
export const secret = asText('secret', 'a text', (given) => given.length > 0 && given.length <= 65_536)
export const pem = asText('PEM', 'a key that begins with -----BEGIN', (given) =>
  /^\s*-----BEGIN [A-Z ]{1,40}-----/.test(given),
)
export const host = asText(
  'address',
  'an address or a name without scheme and port, as 127.0.0.1 or ::',
  (given) => /^[a-z0-9.:_-]{1,253}$/i.test(given) && !/^[a-z]+:\/\//i.test(given) && !/^[^:]*:\d+$/.test(given),
)
export const path = asText('path', 'a path that begins with /, as /realtime', (given) =>
  /^(\/[^/?#\s]+)+\/?$|^\/$/.test(given),
)
const hasScheme = (schemes: RegExp, given: string): boolean =>
  URL.canParse(given) && schemes.test(new URL(given).protocol)
const isRedisUrl = (given: string): boolean => hasScheme(/^rediss?:$/, given)
export const redisUrl = asText('url', 'a URL as redis://127.0.0.1:6379', isRedisUrl)
export const streamName = asText('stream', `the name of a stream: ${STREAM_NAME}`, isStreamName)
export const httpsUrl = asText('url', 'a URL as https://login.example/.well-known/jwks.json', (given) =>
  hasScheme(/^https?:$/, given),
)

export const yesOrNo: Kind<boolean> = {
  word: 'true|false',
  fromText: (given) =>
    given === 'true' || given === '1' ? true : given === 'false' || given === '0' ? false : wrong('true or false'),
  fromFile: (value) => (typeof value === 'boolean' ? value : wrong('true or false')),
}

export const oneOf = <Word extends string>(...words: readonly Word[]): Kind<Word> => {
  const check = (value: unknown): Word => {
    const found = words.find((word) => word === value)
    if (found !== undefined) return found
    const hint = typeof value === 'string' ? didYouMean(value, words) : ''
    throw new Unusable(`must be ${words.slice(0, -1).join(', ')} or ${words.at(-1) ?? ''}.${hint}`)
  }
  return { word: words.join('|'), fromText: check, fromFile: check }
}

export const list: Kind<readonly string[]> = {
  word: 'list',
  fromText: (given) =>
    given
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== ''),
  fromFile: (value) => (isTexts(value) ? value : wrong('an array of texts')),
}

const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.length <= 1000 && value.every((part) => typeof part === 'string')

/** A list, at which `check` throws when something in it is wrong; `expected` begins what is said then. */
const checkedList = (
  word: string,
  expected: string,
  check: (values: readonly string[]) => unknown,
): Kind<readonly string[]> => {
  const checked = (values: readonly string[]): readonly string[] => {
    try {
      check(values)
      return values
    } catch (error) {
      throw new Unusable(`must be ${expected}${error instanceof Error ? error.message.replace(/^holdfast: /, '') : ''}`)
    }
  }
  return {
    word,
    fromText: (given) => checked(list.fromText(given)),
    fromFile: (value) => checked(list.fromFile(value)),
  }
}

export const redisCluster = checkedList('url,…', 'URLs as redis://10.0.0.1:6379,redis://10.0.0.2:6379', (urls) => {
  if (urls.length === 0 || !urls.every(isRedisUrl)) throw new Error('')
})
export const origins = checkedList('list', 'origins as https://app.example; ', checkOriginList)
export const channelPatterns = checkedList('list', 'patterns as room:*; ', presenceRules)

type Limits = Readonly<Partial<Record<keyof HubLimits, number>>>

const checkedLimits = (entries: readonly (readonly [string, unknown])[]): Limits => {
  const limits: Partial<Record<keyof HubLimits, number>> = {}
  const names = Object.keys(DEFAULT_LIMITS)
  for (const [name, value] of entries) {
    if (!names.includes(name)) {
      throw new Unusable(`must name limits of docs/security.md, not ${JSON.stringify(name)}.${didYouMean(name, names)}`)
    }
    if (typeof value !== 'number' || !(value > 0) || !Number.isFinite(value)) wrong(`positive numbers; ${name} is not`)
    limits[name as keyof HubLimits] = value as number
  }
  return limits
}
export const limits: Kind<Limits> = {
  word: 'name=number,…',
  fromText: (given) =>
    checkedLimits(
      list.fromText(given).map((part) => {
        const [, name = part, digits = ''] = /^([^=]*)=(.*)$/.exec(part) ?? []
        return [name.trim(), /^[\d.]{1,15}$/.test(digits.trim()) ? Number(digits) : NaN] as const
      }),
    ),
  fromFile: (value) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? checkedLimits(Object.entries(value))
      : wrong('an object of numbers'),
}

/** What only a file can say; its reader checks it. */
export const rules: Kind<readonly unknown[]> = {
  word: 'array',
  fromText: () => wrong('given in a file'),
  fromFile: (value) =>
    Array.isArray(value) && value.length <= 10_000 ? (value as readonly unknown[]) : wrong('an array of rules'),
}
