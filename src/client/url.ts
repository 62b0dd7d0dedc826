import { HoldfastError } from '../base/errors.ts'

/** The base that a browser would resolve links against; undefined where there is no document. */
const documentBase = (): string | undefined =>
  typeof document === 'object' ? document.baseURI : typeof location === 'object' ? location.href : undefined

/**
 * Resolves `url` as a browser resolves a link, `ws` as `http` and `wss` as `https`, without fragment and trailing slash.
 * Throws `invalid-argument` when it can not be resolved, or has a query or credentials.
 */
export const resolveUrl = (url: string, base = documentBase()): string => {
  const bad = (why: string): HoldfastError =>
    new HoldfastError('invalid-argument', `url ${JSON.stringify(url)} ${why}`, { field: 'url' })
  if (typeof url !== 'string' || !url) throw bad('is missing')
  let resolved: URL
  try {
    resolved = new URL(url, base)
  } catch {
    throw bad(base ? 'is not a URL' : 'must be absolute: there is no document')
  }
  const scheme = /^(?:ws|http)(s?):$/.exec(resolved.protocol)
  if (!scheme) throw bad('must be http(s) or ws(s)')
  if (resolved.search || resolved.username) throw bad('must have no query and no credentials')
  return `http${scheme[1] ?? ''}://${resolved.host}${resolved.pathname.replace(/\/+$/, '')}`
}
