/** What a page tells of its life. `hide`: it may be put away; its links must go, or it can not come back (bfcache). */
export type PageSignal = 'visible' | 'network' | 'hide' | 'show'

interface Signals {
  addEventListener(name: string, listener: (event: Event) => void): void
  removeEventListener(name: string, listener: (event: Event) => void): void
}

/** Where to listen for what. `online` hastens a probe and nothing else: browsers report it wrongly both ways. */
const targets = (): readonly (readonly [Signals | undefined, string, PageSignal])[] => {
  const scope = globalThis as { window?: Signals; document?: Signals; navigator?: { connection?: Signals } }
  const { window, document } = scope
  return [
    [document, 'visibilitychange', 'visible'],
    [document, 'resume', 'visible'],
    [window ?? (globalThis as unknown as Partial<Signals> as Signals), 'online', 'network'],
    [scope.navigator?.connection, 'change', 'network'],
    [window, 'pagehide', 'hide'],
    [window, 'pageshow', 'show'],
  ]
}

/** Listens to the page, the worker, or nothing at all; returns the function that stops it. */
export const listenToPage = (heard: (signal: PageSignal) => void): (() => void) => {
  const undo: (() => void)[] = []
  for (const [target, name, signal] of targets()) {
    if (typeof target?.addEventListener !== 'function') continue
    const listener = (event: Event): void => {
      if (signal === 'visible' && document.visibilityState !== 'visible') return
      if (signal === 'show' && !(event as PageTransitionEvent).persisted) return
      heard(signal)
    }
    target.addEventListener(name, listener)
    undo.push(() => {
      target.removeEventListener(name, listener)
    })
  }
  return () => {
    for (const each of undo) each()
  }
}
