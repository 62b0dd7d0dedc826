import { ServerResponse } from 'node:http'
import type { IncomingMessage } from 'node:http'

/**
 * The answers of a server that are under way. Its own `close()` waits for connections instead, and leaves open those that asked for nothing
 * yet (browsers and clients have spare ones) and those that fall idle later.
 */
export class Answers {
  readonly #open = new Set<ServerResponse>()
  #isOver = (): void => {}
  /** For the options of the server. */
  readonly ServerResponse: typeof ServerResponse

  constructor() {
    const open = this.#open
    const over = (response: ServerResponse): void => {
      open.delete(response)
      if (open.size === 0) this.#isOver()
    }
    this.ServerResponse = class<Request extends IncomingMessage> extends ServerResponse<Request> {
      constructor(...options: ConstructorParameters<typeof ServerResponse<Request>>) {
        super(...options)
        open.add(this)
        this.once('close', () => over(this))
      }
    }
  }

  /** Resolves when none is under way. */
  over(): Promise<void> {
    return new Promise((resolve) => {
      this.#isOver = resolve
      if (this.#open.size === 0) resolve()
    })
  }
}
