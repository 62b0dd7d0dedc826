type Chunk = Uint8Array

/** The body of a response as it comes, for one reader. */
export interface VirtualBody {
  push(chunk: Chunk): void
  end(): void
  /** It breaks off: a read that waits, and each after it, rejects. */
  fail(error: unknown): void
}

type Read = ReadableStreamReadResult<Chunk>

/**
 * As much of a `Response` as a client over HTTP reads. The platform's own costs more than all that the hub and the client do for one
 * message, and is in the tests that have sockets.
 */
class VirtualResponse {
  readonly status: number
  readonly ok: boolean
  readonly headers: Headers
  readonly #chunks: Chunk[] = []
  #state: 'open' | 'ended' | { readonly error: unknown } = 'open'
  #waiting: { resolve: (read: Read) => void; reject: (error: unknown) => void } | undefined
  readonly #cancelled: () => void

  constructor(status: number, headers: Readonly<Record<string, string>>, cancelled: () => void) {
    this.status = status
    this.ok = status < 300
    this.headers = new Headers(headers)
    this.#cancelled = cancelled
  }

  readonly way: VirtualBody = {
    push: (chunk) => {
      if (this.#state !== 'open') return
      this.#chunks.push(chunk)
      this.#feed()
    },
    end: () => {
      if (this.#state === 'open') this.#state = 'ended'
      this.#feed()
    },
    fail: (error) => {
      if (this.#state !== 'open') return
      this.#chunks.length = 0
      this.#state = { error }
      this.#feed()
    },
  }

  readonly body = {
    getReader: () => ({
      read: (): Promise<Read> =>
        new Promise((resolve, reject) => {
          this.#waiting = { resolve, reject }
          this.#feed()
        }),
      cancel: async (): Promise<void> => {
        this.way.end()
        this.#cancelled()
      },
    }),
    pipeThrough: (transform: ReadableWritablePair<Chunk, Chunk>): ReadableStream<Chunk> =>
      this.#stream().pipeThrough(transform),
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return new Response(this.#stream()).arrayBuffer()
  }

  async text(): Promise<string> {
    return new Response(this.#stream()).text()
  }

  #feed(): void {
    const waiting = this.#waiting
    if (!waiting || (this.#chunks.length === 0 && this.#state === 'open')) return
    this.#waiting = undefined
    const chunk = this.#chunks.shift()
    if (chunk) waiting.resolve({ done: false, value: chunk })
    else if (typeof this.#state === 'object') waiting.reject(this.#state.error)
    else waiting.resolve({ done: true, value: undefined })
  }

  #stream(): ReadableStream<Chunk> {
    const reader = this.body.getReader()
    return new ReadableStream({
      async pull(controller) {
        const { done, value } = await reader.read()
        if (done) controller.close()
        else controller.enqueue(value)
      },
      cancel: () => reader.cancel(),
    })
  }
}

/** A response, and the way by which its body comes. `cancelled`: whoever reads it wants no more. */
export const virtualResponse = (
  status: number,
  headers: Readonly<Record<string, string>>,
  cancelled: () => void,
): { readonly response: Response; readonly body: VirtualBody } => {
  const response = new VirtualResponse(status, headers, cancelled)
  return { response: response as unknown as Response, body: response.way }
}
