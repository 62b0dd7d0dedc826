import { HoldfastError } from '../base/errors.ts'

/** Outside a page there is no document, in Node no location either. */
const scope = globalThis as Partial<Pick<typeof globalThis, 'document' | 'location'>>

/**
 * Resolves `url` as a browser resolves a link, `ws` as `http` and `wss` as `https`, without fragment and trailing slash.
 * Throws `invalid-argument` when it can not be resolved, or has a query or credentials.
 */
export const resolveUrl = (url: string, base = scope.document?.baseURI ?? scope.location?.href): string => {
  let why = 'is missing'
  try {
    if (url) {
      why = base ? 'is not a URL' : 'must be absolute: there is no document'
      const { protocol, host, pathname, search, username } = new URL(url, base)
      why = 'must be http(s) or ws(s), with no query and no credentials'
      if (/^(http|ws)s?:$/.test(protocol) && !search && !username)
        return `${protocol.replace('ws', 'http')}//${host}${pathname.replace(/\/+$/, '')}`
    }
  } catch {
    // `why` says it.
  }
  throw new HoldfastError('invalid-argument', `url ${url} ${why}`, { field: 'url' })
}
