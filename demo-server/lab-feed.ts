import { randomBytes } from 'node:crypto'
import type { LabBeat } from './channels.ts'

export interface LabFeed {
  /** Somebody is there: publish to the lab of this id, or go on doing it. */
  touch(id: string): void
  stop(id: string): void
  close(): void
}

export interface LabFeedOptions {
  readonly publish: (channel: `lab:${string}`, beat: LabBeat) => Promise<unknown>
  /** @default 500 */
  readonly everyMs?: number
  /** A lab that was not touched for so long falls silent. Hidden tabs run timers once a minute. @default 90000 */
  readonly idleMs?: number
}

/** Publishes a numbered message at a steady beat to each lab that is in use. */
export function createLabFeed({ publish, everyMs = 500, idleMs = 90_000 }: LabFeedOptions): LabFeed {
  const labs = new Map<string, { series: string; n: number; timer: NodeJS.Timeout; touchedMs: number }>()
  const stop = (id: string) => {
    clearInterval(labs.get(id)?.timer)
    labs.delete(id)
  }
  const beat = (id: string) => {
    const lab = labs.get(id)
    if (!lab) return
    if (Date.now() - lab.touchedMs > idleMs) {
      stop(id)
      return
    }
    lab.n++
    publish(`lab:${id}`, { series: lab.series, n: lab.n }).catch(() => undefined)
  }
  return {
    touch(id) {
      const lab = labs.get(id)
      if (lab) {
        lab.touchedMs = Date.now()
        return
      }
      const timer = setInterval(() => beat(id), everyMs)
      timer.unref()
      labs.set(id, { series: randomBytes(4).toString('hex'), n: 0, timer, touchedMs: Date.now() })
    },
    stop,
    close() {
      for (const id of [...labs.keys()]) stop(id)
    },
  }
}
