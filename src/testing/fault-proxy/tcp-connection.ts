import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import type { InnerFaults } from './faults.ts'
import { endSocket } from './http-message.ts'
import type { Resettable } from './http-message.ts'
import { Lane } from './lane.ts'
import type { Link } from './link.ts'

/**
 * A client's TCP connection with the rules of kind `tcp` in between. The HTTP server reads and writes it like a socket.
 */
export class TcpConnection extends Duplex implements Resettable {
  readonly #socket: Socket
  readonly #link: Link
  readonly #up: Lane
  readonly #down: Lane
  #writeDone: (() => void) | undefined

  constructor(socket: Socket, link: Link, faults: InnerFaults) {
    super({ allowHalfOpen: true })
    this.#socket = socket
    this.#link = link
    this.#up = new Lane({
      link,
      direction: 'up',
      ...faults.settings,
      end: {
        data: (chunk, flushed) => {
          const more = chunk.length === 0 || this.push(chunk)
          flushed()
          return more
        },
        end: () => {
          this.push(null)
        },
        limit: () => {
          link.kill('fin')
        },
        pause: () => {
          socket.pause()
        },
        resume: () => {
          socket.resume()
        },
      },
    })
    this.#down = new Lane({
      link,
      direction: 'down',
      ...faults.settings,
      end: {
        data: (chunk, flushed) =>
          socket.write(chunk, () => {
            flushed()
          }),
        end: () => {
          socket.end()
        },
        limit: () => {
          link.kill('fin')
        },
        // The writer is stopped by not calling back.
        pause: () => {},
        resume: () => {
          this.#goOn()
        },
      },
    })
    link.up = this.#up
    link.down = this.#down
    socket.on('data', (chunk: Buffer) => {
      this.#up.push(chunk)
    })
    socket.on('end', () => {
      this.#up.end()
    })
    socket.on('drain', () => {
      this.#down.drained()
    })
    socket.on('close', () => {
      this.destroy()
    })
    link.touch()
  }

  get remoteAddress(): string | undefined {
    return this.#socket.remoteAddress
  }

  get remotePort(): number | undefined {
    return this.#socket.remotePort
  }

  /** The HTTP server's RST goes out as one. */
  resetAndDestroy(): this {
    if (!this.#link.suppressed.down) this.#socket.resetAndDestroy()
    return this.destroy()
  }

  override _read(): void {
    this.#up.drained()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#writeDone = done
    this.#down.push(chunk)
    if (!this.#down.paused) this.#goOn()
  }

  override _final(done: () => void): void {
    this.#down.end()
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    // Towards the client a suppressed connection stays open until the client goes, or the proxy closes.
    if (!this.#link.suppressed.down || !this.#link.open) this.#socket.destroy()
    done(error)
  }

  #goOn(): void {
    const done = this.#writeDone
    this.#writeDone = undefined
    done?.()
  }
}

/** Takes a client's connection. Undefined when a rule decided that nobody answers it. */
export function acceptConnection(socket: Socket, faults: InnerFaults): TcpConnection | undefined {
  socket.setNoDelay(true)
  socket.on('error', () => {})
  const link = faults.openLink('tcp', undefined, {
    kill: (how) => {
      endSocket(socket, how)
    },
    destroy: () => {
      socket.destroy()
    },
  })
  socket.once('close', () => {
    link.end()
  })
  if (link.ended) return undefined
  const active = faults.opening(link, [])
  if (active === undefined) return new TcpConnection(socket, link, faults)
  link.fired(active)
  if (active.rule.action.type === 'hang') {
    socket.resume()
    socket.once('end', () => {
      socket.destroy()
    })
  } else {
    link.kill(active.rule.action.type === 'fin' ? 'fin' : 'reset')
  }
  return undefined
}
