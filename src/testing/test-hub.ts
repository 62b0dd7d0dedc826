import type { ServerFrame } from '../protocol/frames.ts'
import type { EncodedRun } from '../server/encoded-run.ts'
import type { Environment } from '../server/environment.ts'
import type { GatewayResponse } from '../server/gateway-types.ts'
import { createHubIn } from '../server/hub.ts'
import type { HubInternals } from '../server/hub.ts'
import type { Hub, HubOptions } from '../server/hub-types.ts'
import type { HookRequest, HubFailure } from '../server/hub-core.ts'
import type { SocketSession, SocketSink } from '../server/socket-session.ts'
import type { StreamIn } from '../server/stream-session.ts'
import { FakeClock } from './fake-clock.ts'

/** 22 characters, as a client's id has. */
export const CLIENT = 'client-0-0123456789abc'

/** A hello with what a test does not care about filled in. */
export const hello = (fields: Record<string, unknown> = {}): Record<string, unknown> => ({
  type: 'hello',
  protocol: 1,
  nonce: 'nonce-1',
  client: CLIENT,
  ...fields,
})

/** The surroundings of a hub on a fake clock: tokens come from its seed. */
export const fakeEnvironment = (clock: FakeClock): Environment => ({
  clock,
  turn: clock.turn,
  token: (bytes) => {
    const length = Math.ceil((bytes * 4) / 3)
    let text = ''
    while (text.length < length)
      text += Math.floor(clock.random() * 2 ** 30)
        .toString(36)
        .padStart(6, '0')
    return text.slice(0, length)
  },
})

/** One event of an SSE body, or one batch. */
export interface Received {
  readonly id: string | null
  readonly frames: readonly ServerFrame[]
}

/** A WebSocket link without a wire: what the hub wrote, and how much of it "the network" still holds. */
export class TestSocket implements SocketSink {
  readonly batches: string[] = []
  /** Runs that came as bytes shared with other links. */
  readonly shared: EncodedRun[] = []
  closed: { readonly code: number; readonly reason: string } | null = null
  destroyed = false
  paused = false
  /** True: what is written stays buffered until `drain()`. */
  stuck = false
  #buffered = 0
  #session: SocketSession | null = null
  readonly #request: HookRequest | undefined

  /** `request`: the one that it was opened by. */
  constructor(request?: HookRequest) {
    this.#request = request
  }

  open(hub: HubInternals, ...frames: unknown[]): this {
    this.#session = hub.connect(this, this.#request)
    if (frames.length > 0) this.send(...frames)
    return this
  }

  get session(): SocketSession {
    if (!this.#session) throw new Error('not open')
    return this.#session
  }

  send(...frames: unknown[]): void {
    this.session.receive(JSON.stringify(frames))
  }

  drain(): void {
    this.stuck = false
    this.#buffered = 0
    this.session.drained()
  }

  get frames(): readonly ServerFrame[] {
    return this.batches.flatMap((batch) => JSON.parse(batch) as ServerFrame[])
  }

  ofType<Type extends ServerFrame['type']>(type: Type): readonly Extract<ServerFrame, { type: Type }>[] {
    return framesOf(this.frames, type)
  }

  write(batch: string): void {
    this.batches.push(batch)
    if (this.stuck) this.#buffered += Buffer.byteLength(batch)
  }

  writeRun(run: EncodedRun): void {
    this.shared.push(run)
    this.write(`[${run.frame()}]`)
  }

  buffered = (): number => this.#buffered
  unsent = (): number => this.#buffered

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
  }

  close(code: number, reason: string): void {
    this.closed = { code, reason }
    this.session.gone()
  }

  destroy(): void {
    this.destroyed = true
    this.session.gone()
  }
}

export const framesOf = <Type extends ServerFrame['type']>(
  frames: readonly ServerFrame[],
  type: Type,
): readonly Extract<ServerFrame, { type: Type }>[] =>
  frames.filter((frame): frame is Extract<ServerFrame, { type: Type }> => frame.type === type)

export interface Asked {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  readonly signal?: AbortSignal
}

/** An answer with its batch parsed, or with the events of its stream so far. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly frames: readonly ServerFrame[]
  readonly text: string
  readonly stream: TestStream | null
}

/** The receiving end of a streamed response. */
export class TestStream {
  readonly chunks: string[] = []
  ended = false
  destroyed = false
  stuck = false
  /** True: it does not tell the hub that it is closed. */
  silent = false
  #buffered = 0
  readonly session: StreamIn

  constructor(start: Exclude<GatewayResponse['body'], string>) {
    const write = (chunk: string): void => {
      this.chunks.push(chunk)
      if (this.stuck) this.#buffered += chunk.length
    }
    this.session = start({
      write,
      writeRun: (run) => write(run.eventBatch.toString()),
      buffered: () => this.#buffered,
      unsent: () => this.#buffered,
      end: () => {
        this.ended = true
        this.#closed()
      },
      destroy: () => {
        this.destroyed = true
        this.#closed()
      },
    })
  }

  drain(): void {
    this.stuck = false
    this.#buffered = 0
    this.session.drained()
  }

  #closed(): void {
    if (!this.silent) this.session.gone()
  }

  get events(): readonly Received[] {
    return this.chunks
      .join('')
      .split('\n\n')
      .filter((event) => event !== '')
      .map((event) => {
        const data = /^data: (.*)$/m.exec(event)?.[1] ?? 'null'
        return { id: /^id: (.*)$/m.exec(event)?.[1] ?? null, frames: JSON.parse(data) as ServerFrame[] }
      })
  }

  get frames(): readonly ServerFrame[] {
    return this.events.flatMap((event) => event.frames)
  }
}

export interface TestHub extends Hub, HubInternals {
  readonly clock: FakeClock
  readonly failures: HubFailure[]
  /** One request to an endpoint, as `/poll?channel=a`. A body that is not a text is sent as JSON. */
  readonly ask: (target: string, asked?: Asked) => Promise<Answer>
}

/** A hub on a fake clock, without sockets. Everything is allowed unless the test says otherwise. */
export const testHub = (options: Partial<HubOptions> = {}, clock = new FakeClock()): TestHub => {
  const failures: HubFailure[] = []
  const onError = (failure: HubFailure): void => {
    failures.push(failure)
  }
  const hub = createHubIn({ authorize: () => true, onError, ...options }, fakeEnvironment(clock))
  const ask = async (target: string, asked: Asked = {}): Promise<Answer> => {
    const { body, method = body === undefined ? 'GET' : 'POST', signal = new AbortController().signal } = asked
    const text = typeof body === 'string' ? body : body === undefined ? '' : JSON.stringify(body)
    const headers: Record<string, string> = {
      host: 'hub.example',
      'content-type': 'application/json',
      ...asked.headers,
    }
    const answering = hub.gateway.handle({
      method,
      target,
      header: (name) => headers[name],
      body: async (maxBytes) => (Buffer.byteLength(text) > maxBytes ? { kind: 'too-large' } : { kind: 'text', text }),
      signal,
      remoteAddress: '192.0.2.1',
    })
    // An answer that is not held comes at the end of this turn.
    await clock.settle()
    const response = await answering
    response.taken?.()
    const answer = { status: response.status, headers: response.headers }
    if (typeof response.body !== 'string') {
      const stream = new TestStream(response.body)
      await clock.settle()
      return { ...answer, text: '', frames: [], stream }
    }
    const parsed: unknown = response.body === '' ? [] : JSON.parse(response.body)
    const frames = Array.isArray(parsed) ? (parsed as ServerFrame[]) : []
    return { ...answer, text: response.body, frames, stream: null }
  }
  return Object.assign(Object.create(hub) as typeof hub, { clock, failures, ask })
}
