import { hash } from 'node:crypto'

const digest = (text: string): string => hash('sha256', text, 'base64').replaceAll('+', '-').replaceAll('/', '_')

/** 128 bits of SHA-256 of a message's data, to tell a repeat from a conflict (PROTOCOL.md §8.3). */
export const dataDigest = (json: string): string => digest(json).slice(0, 22)

/** The opaque tag of a user; `null` is everybody who is not authenticated (PROTOCOL.md §4.4). */
export const userTag = (userId: string | null): string =>
  digest(userId === null ? 'anonymous:' : `user:${userId}`).slice(0, 16)

/** The opaque tag of a client object; it cannot be turned back into its 128 random bits (PROTOCOL.md §4.4). */
export const publisherTag = (client: string): string => digest(client).slice(0, 11)
