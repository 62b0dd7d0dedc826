import { createHash, timingSafeEqual } from 'node:crypto'
import { Unusable } from './kinds.ts'
import type { Kind } from './kinds.ts'

/** A credential of a back end. */
export interface PublishKey {
  /** Readers see it as the `sender` of what was published. */
  readonly name: string
  readonly key: string
  /** Channels it may publish to: names, or beginnings that end in `*`. Absent: all. */
  readonly channels?: readonly string[] | undefined
}

const LEAST_CHARACTERS = 32
const MOST_KEYS = 1000

const checked = (value: unknown): PublishKey => {
  if (typeof value !== 'object' || value === null) throw new Unusable('must be keys, each { name, key, channels? }')
  const { name, key, channels, ...rest } = value as Readonly<Record<string, unknown>>
  if (typeof name !== 'string' || !/^[\w.-]{1,64}$/.test(name)) {
    throw new Unusable('must have names of 1 to 64 characters of A–Z a–z 0–9 _ . -')
  }
  if (typeof key !== 'string' || !/^[!-+\--~]{32,512}$/.test(key)) {
    throw new Unusable(
      `must have keys of ${LEAST_CHARACTERS} to 512 visible ASCII characters without a comma; that of ${name} is not. openssl rand -hex 32 makes one`,
    )
  }
  const [unknown] = Object.keys(rest)
  if (unknown !== undefined) throw new Unusable(`must have keys with name, key and channels; ${name} has another field`)
  if (channels === undefined) return { name, key }
  const isList = Array.isArray(channels) && channels.length > 0 && channels.every((one) => typeof one === 'string')
  if (!isList || channels.some((one) => one === '' || one.slice(0, -1).includes('*'))) {
    throw new Unusable(`must limit ${name} to an array of channel names; a * may stand at the end of a name only`)
  }
  return { name, key, channels }
}

const checkedAll = (values: readonly unknown[]): readonly PublishKey[] => {
  if (values.length > MOST_KEYS) throw new Unusable(`may have ${MOST_KEYS} keys at most`)
  const keys = values.map(checked)
  const names = new Set(keys.map(({ name }) => name))
  if (names.size < keys.length) throw new Unusable('must not have one name twice')
  return keys
}

export const publishKeys: Kind<readonly PublishKey[]> = {
  word: 'name:key,…',
  fromText: (text) =>
    checkedAll(
      text
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== '')
        .map((part) => {
          const at = part.indexOf(':')
          return { name: part.slice(0, Math.max(at, 0)), key: part.slice(at + 1) }
        }),
    ),
  fromFile: (value) => {
    if (Array.isArray(value)) return checkedAll(value)
    throw new Unusable('must be an array of { name, key, channels? }')
  },
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

/** Looks keys up in a time that does not depend on how much of one was guessed, or on which one it is. */
export class KeyRing {
  readonly #keys: readonly { readonly name: string; readonly digest: Buffer }[]
  readonly #channels: ReadonlyMap<string, readonly string[] | undefined>

  constructor(keys: readonly PublishKey[]) {
    this.#keys = keys.map(({ name, key }) => ({ name, digest: digest(key) }))
    this.#channels = new Map(keys.map(({ name, channels }) => [name, channels]))
  }

  /** Name of the key that `token` is, or undefined. */
  nameOf(token: string): string | undefined {
    const shown = digest(token)
    let found: string | undefined
    for (const { name, digest: known } of this.#keys) if (timingSafeEqual(shown, known)) found = name
    return found
  }

  has(name: string): boolean {
    return this.#channels.has(name)
  }

  mayPublish(name: string, channel: string): boolean {
    if (!this.#channels.has(name)) return false
    const channels = this.#channels.get(name)
    if (!channels) return true
    return channels.some((one) => (one.endsWith('*') ? channel.startsWith(one.slice(0, -1)) : channel === one))
  }
}
