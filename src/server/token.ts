import { refusal } from './frame-text.ts'
import type { HubLimits } from './limits.ts'

/** @throws HoldfastError `bad-request` for a token over its limit, wherever it stood */
export const checkToken = (token: string | undefined, { tokenBytes }: Pick<HubLimits, 'tokenBytes'>): void => {
  if (token === undefined || Buffer.byteLength(token) <= tokenBytes) return
  throw refusal('bad-request', `the token may have ${tokenBytes} bytes at most`, { field: 'token' })
}

/** The token of an `Authorization: Bearer` header. */
export const bearer = (header: string | undefined): string | undefined =>
  header === undefined ? undefined : /^bearer +(\S+) *$/i.exec(header)?.[1]
