import { systemClock } from '../base/clock.ts'
import type { Clock } from '../base/clock.ts'
import { HoldfastError } from '../base/errors.ts'
import type { ErrorCode } from '../base/errors.ts'
import { repliesOf } from '../protocol/frames.ts'
import type { Reply } from '../protocol/frames.ts'
import type { Request, UntypedRequests } from './request-types.ts'
import type { Client, Message, RequestOptions } from './types.ts'

/** What requests take of a client: any, whatever its channels. */
export type RequestClient = Pick<Client, 'publisher' | 'state' | 'on'> & {
  subscribe(channel: string, listener: (message: Message) => void): { readonly ready: Promise<unknown> }
  publish(
    channel: string,
    data: unknown,
    options: RequestOptions & { readonly reply: boolean },
  ): Promise<{ readonly id: string }>
  connect(): void
}

/** Requests that wait for their answers, one more rejects as `outbox-full`; and answers that wait for their acknowledgement. */
const MAX_OPEN = 1_000

/**
 * The `request` of a client, for those of `holdfast/core`. A request is a publish, and its answer a message of a channel that is this client's
 * alone (PROTOCOL.md §8.12).
 */
export const createRequests = <Rq extends object = UntypedRequests>(
  client: RequestClient,
  clock: Clock = systemClock,
): Request<Rq> => {
  /** Take an answer, or give the request up. */
  const open = new Set<(code: string, reply?: Reply) => void>()
  /** Answers that were faster than the acknowledgement. */
  let early: Reply[] = []
  let replies: Promise<unknown> | undefined

  const take = ({ data }: Message): void => {
    early = [...early.slice(1 - MAX_OPEN), data as Reply]
    for (const settle of [...open]) settle('', data as Reply)
    if (!open.size) early = []
  }
  /** Begins to read the answers as soon as the hub has said how their channel is called, and goes on until the client is closed. */
  const listen = (): Promise<unknown> =>
    new Promise((resolve) => {
      const look = (): void => {
        const { publisher } = client
        if (!publisher) return
        stop()
        const { ready } = client.subscribe(repliesOf(publisher), take)
        // Refused: the next request tries again.
        ready.catch(() => (replies = undefined))
        resolve(ready)
      }
      const stop = client.on('state', look)
      look()
    })
  client.on('state', ({ name }) => {
    if (name === 'closed') for (const settle of [...open]) settle(name)
  })

  const request = (channel: string, data: unknown, options: RequestOptions = {}): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const { timeoutMs = 30_000, signal } = options
      const dueMs = clock.now() + timeoutMs
      let phase: 'waiting' | 'publishing' | 'acknowledged' = 'waiting'
      let id: string | undefined
      const over = (): void => {
        open.delete(settle)
        stop()
        signal?.removeEventListener('abort', aborted)
      }
      const settle = (code: string, reply?: Reply): void => {
        if (reply && reply.id !== id) return
        over()
        // Without an answer: the hub has taken it, and nobody knows what came of it.
        const known = phase === 'acknowledged' ? 'unknown' : code
        const { error } = reply ?? { error: { code: known, message: `${code}, no answer` } }
        if (!error) resolve(reply?.data)
        else reject(new HoldfastError(error.code as ErrorCode, `request to ${channel}: ${error.message}`, { channel }))
      }
      /** What waits for its acknowledgement is the publish's to give up: that knows whether it was sent. */
      const giveUp = (code: string): void => {
        if (phase !== 'publishing') settle(code)
      }
      const aborted = (): void => giveUp('aborted')
      const stop = clock.after(timeoutMs, () => giveUp('timeout'))
      const ask = async (): Promise<void> => {
        await (replies ??= listen())
        // It may have been given up meanwhile.
        if (!open.has(settle)) return
        phase = 'publishing'
        const acknowledged = await client.publish(channel, data, {
          reply: true,
          signal,
          timeoutMs: Math.max(0, dueMs - clock.now()),
        })
        phase = 'acknowledged'
        id = acknowledged.id
        for (const reply of early) settle('', reply)
      }
      if (open.size < MAX_OPEN) open.add(settle)
      if (client.state.name === 'closed') settle('closed')
      else if (signal?.aborted) aborted()
      else if (!open.has(settle)) settle('outbox-full')
      else {
        if (client.state.name === 'idle' && !client.publisher) client.connect()
        signal?.addEventListener('abort', aborted)
        ask().catch((error: unknown) => {
          over()
          // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- what a publish rejects with
          reject(error)
        })
      }
    })
  return request as Request<Rq>
}
