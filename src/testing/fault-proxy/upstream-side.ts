import type { ClientRequest, IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Link } from './link.ts'

/** The hub does not learn that the client is gone: that is what half-open means. After a while it is let go all the same. */
export function outlive(link: Link, upstream: ClientRequest | Duplex, orphanMs: number): void {
  upstream.once('close', () => {
    link.end()
  })
  link.after(orphanMs, () => {
    upstream.destroy()
  })
}

/** What takes the bytes of an answer. */
interface Sink {
  push(chunk: Buffer): void
  end(): void
}

/** Hands on an answer as it comes; `lost` when it breaks off. */
export function handOn(answer: IncomingMessage, to: Sink, lost: () => void): void {
  answer.on('error', lost)
  answer.on('data', (chunk: Buffer) => {
    to.push(chunk)
  })
  answer.on('end', () => {
    to.end()
  })
}
