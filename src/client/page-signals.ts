/** What a page tells of its life. `hide`: it may be put away; its links must go, or it can not come back (bfcache). */
export type PageSignal = 'visible' | 'network' | 'hide' | 'show'

/**
 * What each event tells. `online` hastens a probe and nothing else: browsers report it wrongly both ways. After a freeze (`resume`)
 * nothing goes on that was being read, however short it was (N19).
 */
const SIGNALS: Readonly<Record<string, PageSignal>> = {
  visibilitychange: 'visible',
  online: 'network',
  change: 'network',
  resume: 'network',
  pagehide: 'hide',
  pageshow: 'show',
}

/** Not every platform has all of it. */
type Scope = Partial<EventTarget> & {
  readonly navigator?: { readonly connection?: EventTarget & { readonly type?: string } }
}

/** Listens to the page, the worker, or nothing at all; returns the function that stops it. */
export const listenToPage = (heard: (signal: PageSignal) => void): (() => void) => {
  const scope = globalThis as Scope
  const stopped = new AbortController()
  const { connection } = scope.navigator ?? {}
  let type = connection?.type
  for (const [name, signal] of Object.entries(SIGNALS)) {
    const listener = (): void => {
      // `change` also tells each new estimate of the round trip, which is no other network and must not clear a verdict.
      if (name === 'change' && type === (type = connection?.type)) return
      if (signal !== 'visible' || document.visibilityState === signal) heard(signal)
    }
    // The global object gets what the document is told too: on the way down, for not all of it bubbles.
    const target = name === 'change' ? connection : scope
    target?.addEventListener?.(name, listener, { capture: true, signal: stopped.signal })
  }
  return () => {
    stopped.abort()
  }
}
