import { post } from './http.ts'
import type { Answered, HttpOptions } from './http.ts'
import type { Link, LinkEnd, LinkHandlers, OpenRequest } from './transport.ts'

/** What a transport over HTTP does to read. All of it is over when the link is; one thing at a time. */
export interface Reading {
  /** One `POST /stream`. */
  readonly stream: (take: (text: string) => boolean) => void
  /** One `POST /poll`; its end is that of the link, but where it is taken care of. */
  readonly poll: (waitMs: number, answer: (batch: string) => void, ended?: (end: LinkEnd) => void) => void
  readonly pause: (ms: number, task: () => void) => void
  /** Goes on with a slot, which is given back at the end of the link; ends it as 'busy' when there is none. */
  readonly slot: (task: () => void) => void
  readonly end: (end: LinkEnd) => void
}

/** A link that reads by what `begin` does and sends each batch by `POST /publish`, one at a time (PROTOCOL.md §8.8). */
export const httpLink = (
  options: HttpOptions,
  request: OpenRequest,
  on: LinkHandlers,
  begin: (reading: Reading) => void,
): Link => {
  let open = true
  let stopReading = (): void => {}
  let stopSending = (): void => {}
  let giveBack = (): void => {}
  let last = Promise.resolve()

  const close = (): void => {
    if (!open) return
    open = false
    stopReading()
    stopSending()
    giveBack()
  }
  const end = (reason: LinkEnd): void => {
    if (!open) return
    close()
    on.end(reason)
  }
  const publish = (batch: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const fail: (end: LinkEnd) => void = reject
      stopSending = () => fail({ code: 'cut' })
      if (!open) {
        stopSending()
        return
      }
      const cancel = post(options, request, '/publish', () => batch, {
        alive: () => {},
        answer: (text) => {
          on.data(text, true)
          resolve()
        },
        end: fail,
      })
      stopSending = () => {
        cancel()
        fail({ code: 'cut' })
      }
    })
  const alive = (): void => on.alive()
  const read = (path: string, waitMs: number | undefined, answered: Answered): void => {
    if (open) stopReading = post(options, request, path, () => request.hello(waitMs), answered, waitMs)
  }

  begin({
    stream: (stream) => read('/stream', undefined, { alive, stream, answer: () => {}, end }),
    poll: (waitMs, answer, ended = end) => read('/poll', waitMs, { alive, answer, end: ended }),
    pause: (ms, task) => {
      if (open) stopReading = request.clock.after(ms, task)
    },
    slot: (task) => {
      const taken = request.slots ? request.slots.take() : Promise.resolve(() => {})
      void taken.then((release) => {
        if (!open) release?.()
        else if (release) {
          giveBack = release
          task()
        } else end({ code: 'busy' })
      })
    },
    end,
  })

  return {
    close,
    send: (batch) => {
      // Those that wait behind a failed one fail with it: the hub must not get them before it (PROTOCOL.md §8.8).
      const sent = (last = last.then(() => publish(batch)))
      sent.catch(() => {
        if (last === sent) last = Promise.resolve()
      })
      return sent
    },
  }
}
