import { hash } from 'node:crypto'

const digest = (text: string): string => hash('sha256', text, 'base64').replaceAll('+', '-').replaceAll('/', '_')

/** 128 bits of SHA-256 of a message's data, to tell a repeat from a conflict (PROTOCOL.md §8.3). */
export const dataDigest = (json: string): string => digest(json).slice(0, 22)

/** The opaque tag of a user; `null` is everybody who is not authenticated (PROTOCOL.md §4.4). */
export const userTag = (userId: string | null): string =>
  digest(userId === null ? 'anonymous:' : `user:${userId}`).slice(0, 16)

/** A number from 0 up to but not including 1, the same for the same text. */
export const shareOf = (text: string): number => Number.parseInt(hash('sha256', text, 'hex').slice(0, 8), 16) / 2 ** 32

/** The opaque tag of a client object; it cannot be turned back into its 128 random bits (PROTOCOL.md §4.4). */
export const publisherTag = (client: string): string => digest(client).slice(0, 11)

/** The tag of a client that reads; undefined for a `GET`, which has no client. */
export const readerTag = (client: string): string | undefined => (client === '' ? undefined : publisherTag(client))
