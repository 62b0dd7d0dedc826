import { invalidArgument } from '../base/errors.ts'

/** Outside a page there is no document, in Node no location either. */
const scope = globalThis as Partial<Pick<typeof globalThis, 'document' | 'location'>>

/**
 * Resolves `url` as a browser resolves a link, `ws` as `http` and `wss` as `https`, without fragment and trailing slash.
 * Throws `invalid-argument` when it can not be resolved, or has a query or credentials.
 */
export const resolveUrl = (url: string, base = scope.document?.baseURI ?? scope.location?.href): string => {
  try {
    const { protocol, host, pathname, search, username } = new URL(url, base)
    if (url && /^(http|ws)s?:$/.test(protocol) && !search && !username)
      return `${protocol.replace('ws', 'http')}//${host}${pathname.replace(/\/+$/, '')}`
  } catch {
    // No URL, or a relative one without a base.
  }
  throw invalidArgument(
    'url',
    `url ${url} must be http(s) or ws(s), absolute where there is no document, without query or credentials`,
  )
}
