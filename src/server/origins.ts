import type { HoldfastError } from '../base/errors.ts'
import { refusal } from './frame-text.ts'

/** Which pages may use the hub (PROTOCOL.md §6.10, §6.11). */
export interface OriginRules {
  readonly origins: readonly string[]
  /** Upgrades without `Origin` (no browser sends them) are let through. */
  readonly allowMissingOrigin: boolean
}

interface OriginHeaders {
  readonly origin: string | undefined
  readonly host: string | undefined
  readonly secFetchSite: string | undefined
}

/** Names are compared exactly: a list entry is what a browser sends, scheme, host and port if it is not the usual one. */
const isAllowedOrigin = (origin: string, host: string | undefined, rules: OriginRules): boolean =>
  rules.origins.includes(origin) ||
  (host !== undefined && (origin === `https://${host}` || origin === `http://${host}`))

/** Null, or why the request is refused before anything else is looked at. */
export const checkOrigin = (headers: OriginHeaders, isUpgrade: boolean, rules: OriginRules): HoldfastError | null => {
  const { origin, host, secFetchSite } = headers
  if (origin === undefined) {
    if (isUpgrade && !rules.allowMissingOrigin) {
      const message = 'the upgrade has no Origin; browsers send one, and `allowMissingOrigin` lets other programs in'
      return refusal('forbidden-origin', message)
    }
    if (secFetchSite !== 'cross-site') return null
    return refusal('forbidden-origin', 'a request of another site; list its origin in the `origins` setting of the hub')
  }
  if (isAllowedOrigin(origin, host, rules)) return null
  const shown = JSON.stringify(origin.slice(0, 200))
  return refusal('forbidden-origin', `the origin ${shown} is not allowed: add it to the \`origins\` setting of the hub`)
}

/** A list entry that no browser would ever send is a mistake; it is told at the start. */
export const checkOriginList = (origins: readonly string[]): void => {
  for (const origin of origins) {
    let serialised: string | undefined
    try {
      serialised = new URL(origin).origin
    } catch {
      serialised = undefined
    }
    // Apps have schemes of their own (`capacitor://localhost`), which URL calls opaque.
    if (serialised === origin || (serialised === 'null' && /^[a-z][a-z\d+.-]*:\/\/[^/]+$/.test(origin))) continue
    const hint = serialised && serialised !== 'null' ? `; did you mean ${serialised}?` : ''
    throw new TypeError(`holdfast: origins has ${JSON.stringify(origin)}, which is not an origin${hint}`)
  }
}
