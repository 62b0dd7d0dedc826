import type { Environment } from '../../../server/environment.ts'
import { HubLog, errorFacts } from '../../../server/logger.ts'
import type { RedisLink } from '../link.ts'
import { openLink } from '../open-link.ts'
import { ToldOnce } from '../told-once.ts'
import { queueNames } from './queue-names.ts'
import { checkedQueueOptions } from './queue-options.ts'
import type { RedisQueueOptions } from './queue-options.ts'
import { doneScript, refuseScript, releaseScript, takeScript } from './queue-scripts.ts'
import type { QueueStatus, RedisQueue } from './queue-status.ts'
import { READING, Relay } from './relay.ts'
import type { RelayEvents } from './relay.ts'
import { explained } from './trouble.ts'

/** What stands between a queue and Redis, for tests. */
type Tapped = Environment & { readonly tap?: (link: RedisLink) => RedisLink }

/** Entries of a stream in Redis, published by a hub. */
export class Queue implements RedisQueue {
  readonly ready: Promise<void>
  readonly #link: RedisLink
  readonly #relay: Relay
  readonly #detach: () => void
  readonly #counted = { published: 0, refused: 0, lost: 0, retried: 0 }
  #closed: Promise<void> | null = null

  constructor(options: RedisQueueOptions, { clock, turn, token, tap = (link) => link }: Tapped) {
    const { hub, stream, leaseMs, drainMs, client, commandMs, ...where } = checkedQueueOptions(options)
    const log = options.logger ? new HubLog(options.logger, clock) : null
    const told = new ToldOnce()
    const report = (cause: unknown, context: string): void => {
      const error = explained(cause, stream)
      log?.write('error', 'queue.failed', 'the queue waits', { stream, context, error: errorFacts(error) })
      options.onError?.({ error, context })
    }
    let isUp = (): void => undefined
    let isDown: (error: unknown) => void = () => undefined
    this.ready = new Promise<void>((resolve, reject) => {
      isUp = resolve
      isDown = reject
    })
    // Nobody has to ask for it.
    this.ready.catch(() => undefined)
    const counted = this.#counted
    const events: RelayEvents = {
      reading: (isReading) => {
        const message = isReading ? 'this process reads the queue now' : 'this process does not read the queue any more'
        log?.write('info', 'queue.reading', message, { stream, reading: isReading })
      },
      published: () => {
        counted.published++
      },
      refused: ({ id, channel, code, reason }) => {
        counted.refused++
        const facts = { stream, entry: id, channel, code, reason }
        log?.write('warn', 'queue.refused', 'an entry cannot be published, and was put aside', facts)
      },
      lost: (id) => {
        counted.lost++
        const message = 'an entry was removed from the stream before it was published'
        log?.write('error', 'queue.lost', message, { stream, entry: id })
      },
      failed: (error, context) => {
        counted.retried++
        if (told.isNews(error, context)) report(error, context)
        if (context === READING) isDown(explained(error, stream))
      },
      well: (context) => {
        told.well(context)
        if (context === READING) isUp()
      },
    }
    const scripts = [takeScript, doneScript, refuseScript, releaseScript]
    this.#link = tap(openLink(where, { client, scripts, commandMs, clock, turn, report, commandsOnly: true }))
    const names = queueNames(stream)
    this.#relay = new Relay({ hub, clock, link: this.#link, names, leaseMs, drainMs, holder: token(12), events })
    this.#detach = hub.beforeClose(() => this.close())
  }

  get status(): QueueStatus {
    return { ...this.#counted, ...this.#relay.standing }
  }

  close(): Promise<void> {
    this.#closed ??= this.#relay.close().then(() => {
      this.#detach()
      return this.#link.close()
    })
    return this.#closed
  }
}
