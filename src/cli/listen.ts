import { createServer } from 'node:http'
import type { RequestListener, Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Answers } from './answers.ts'
import { ConfigError, StartError } from './config-error.ts'
import { readTextFile } from './config-file.ts'
import { quoted } from './quoted.ts'
import type { Config } from './settings.ts'

const answer404: RequestListener = (_request, response) => {
  response.writeHead(404, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' })
  response.end('{"error":"there is nothing here"}')
}

/** What Node checks of requests that come slowly; its own values are minutes. The bodies of the hub's are timed by the hub. */
const SLOW_REQUESTS = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 1_000,
  maxHeaderSize: 16_384,
}

/** A server by the settings, which does not listen yet; `answers` gets what it answers. @throws StartError */
export const makeServer = (config: Config, { ServerResponse }: Pick<Answers, 'ServerResponse'>): Server => {
  const options = { ...SLOW_REQUESTS, keepAliveTimeout: config.keepAliveSeconds * 1000, ServerResponse }
  if (config.tlsCert === undefined || config.tlsKey === undefined) return createServer(options, answer404)
  const cert = readPem(config.tlsCert, 'tlsCert')
  const key = readPem(config.tlsKey, 'tlsKey')
  try {
    return createTlsServer({ ...options, cert, key }, answer404)
  } catch (error) {
    const why = error instanceof Error ? error.message : 'they do not fit'
    throw new StartError(`tlsCert ${config.tlsCert} and tlsKey ${config.tlsKey} cannot be used: ${quoted(why)}`)
  }
}

/** Text of a PEM file that a setting names. @throws StartError */
export const readPem = (path: string, name: string): string => {
  try {
    return readTextFile(path, name)
  } catch (error) {
    throw error instanceof ConfigError ? new StartError(error.message) : error
  }
}

/** Resolves with the port. @throws StartError */
export const listen = (server: Server, port: number, host: string): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        new StartError(
          `cannot listen on ${where(host, port)}: ${REASONS[error.code ?? ''] ?? error.code ?? 'it failed'}`,
        ),
      )
    })
    server.listen({ port, host, exclusive: true }, () => {
      server.removeAllListeners('error')
      resolve((server.address() as AddressInfo).port)
    })
  })

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program has this port',
  EACCES: 'not permitted; take a port above 1023',
  EADDRNOTAVAIL: 'this machine has no such address',
  ENOTFOUND: 'there is no such address',
}

/** `127.0.0.1:8080`, `[::1]:8080`. */
export const where = (host: string, port: number): string => `${host.includes(':') ? `[${host}]` : host}:${port}`
