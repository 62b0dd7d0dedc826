/** Where the demo server listens. */
export interface ListenOptions {
  /** The port, or 0 for any free one. Without it: 8080 or the next free one. */
  readonly port?: number | undefined
  /** Address to listen on. Without it: both loopback addresses, and nothing else. */
  readonly host?: string | undefined
  /** Origin under which browsers reach the server, when a proxy stands before it. */
  readonly publicUrl?: string | undefined
}

/** A setting of the environment that cannot be used. The message names the variable and what is expected. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/** Reads PORT, HOST and PUBLIC_URL. Unset and empty are the same. @throws ConfigError */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>): ListenOptions {
  return { port: readPort(env['PORT']), host: readHost(env['HOST']), publicUrl: readPublicUrl(env['PUBLIC_URL']) }
}

function readPort(text: string | undefined): number | undefined {
  if (!text) return undefined
  const port = Number(text)
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port
  throw new ConfigError(`PORT is ${JSON.stringify(text)}; expected a number from 1 to 65535, or 0 for any free port`)
}

function readHost(text: string | undefined): string | undefined {
  if (!text || text === 'localhost') return undefined
  if (/^[a-z0-9.:_-]{1,253}$/i.test(text) && !/^[a-z]+:\/\//i.test(text) && !/^[^:]*:\d+$/.test(text)) return text
  throw new ConfigError(
    `HOST is ${JSON.stringify(text)}; expected an address or a name without scheme and port, as 127.0.0.1 or 0.0.0.0`,
  )
}

function readPublicUrl(text: string | undefined): string | undefined {
  if (!text) return undefined
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isOrigin = url && /^https?:$/.test(url.protocol) && url.pathname === '/' && !url.search && !url.hash
  if (isOrigin && !url.username && !url.password) return url.origin
  throw new ConfigError(
    `PUBLIC_URL is ${JSON.stringify(text)}; expected scheme and host without a path, as https://demo.example`,
  )
}
