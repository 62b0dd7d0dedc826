import { EventEmitter } from 'eventemitter3'
import type { ActionType, Direction } from './rule.ts'

/** One line of the log: what the proxy saw or did. */
export interface FaultEvent {
  /** Wall clock, so that it can be merged with the logs of other processes. */
  readonly timeMs: number
  /** Number of the link, unique in one set of faults. */
  readonly link: number
  readonly kind: 'connect' | 'request' | 'status' | 'frame' | 'fault' | 'end'
  readonly rule?: number
  readonly action?: ActionType | 'cut' | 'overflow'
  readonly direction?: Direction
  /** With `fault`: bytes that passed before it. With `end`: bytes that went down. */
  readonly bytes?: number
  readonly path?: string
  readonly status?: number
  /** With `frame`, and with `fault` of `inject` and `replace`: the type of the frame that matched. */
  readonly frameType?: string
}

/** Told of each event of the log. */
export type FaultListener = (event: FaultEvent) => void

/** A bounded log that can be waited on: the oldest lines are dropped and counted. */
export class EventLog {
  readonly events: FaultEvent[] = []
  dropped = 0
  readonly #maxEvents: number
  readonly #emitter = new EventEmitter<{ event: [FaultEvent]; close: [] }>()
  #closed = false

  constructor(maxEvents: number) {
    this.#maxEvents = maxEvents
  }

  add(event: Omit<FaultEvent, 'timeMs'>): void {
    const line: FaultEvent = { timeMs: Date.now(), ...event }
    this.events.push(line)
    if (this.events.length > this.#maxEvents) {
      this.events.shift()
      this.dropped++
    }
    this.#emitter.emit('event', line)
  }

  /** Calls the listener for each event from now on. Returns its undo. */
  on(listener: FaultListener): () => void {
    const guarded = (event: FaultEvent): void => {
      try {
        listener(event)
      } catch (error) {
        // A listener that throws must not stop the traffic, and must not be silent either.
        queueMicrotask(() => {
          throw error
        })
      }
    }
    this.#emitter.on('event', guarded)
    return () => this.#emitter.off('event', guarded)
  }

  /** The first event, logged already or to come, that the predicate accepts. Rejects after `timeoutMs`. */
  waitFor(predicate: (event: FaultEvent) => boolean, timeoutMs: number): Promise<FaultEvent> {
    const found = this.events.find(predicate)
    if (found !== undefined) return Promise.resolve(found)
    if (this.#closed) return Promise.reject(new Error('The faults are closed, so no event will come'))
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer)
        stop()
        this.#emitter.off('close', onClose)
      }
      const fail = (reason: Error): void => {
        settle()
        reject(reason)
      }
      const onClose = (): void => fail(new Error('The faults were closed before such an event'))
      const timer = setTimeout(() => {
        fail(new Error(`No such event within ${timeoutMs} ms. Seen: ${JSON.stringify(this.events.slice(-20))}`))
      }, timeoutMs)
      const stop = this.on((event) => {
        let accepted: boolean
        try {
          accepted = predicate(event)
        } catch (error) {
          fail(error instanceof Error ? error : new Error(String(error)))
          return
        }
        if (!accepted) return
        settle()
        resolve(event)
      })
      this.#emitter.on('close', onClose)
    })
  }

  /** Rejects all waits, so that no timer is left. */
  close(): void {
    this.#closed = true
    this.#emitter.emit('close')
  }
}
